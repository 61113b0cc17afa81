import type { Applications, Memberships, Sites } from "./application.js";
import type { Attempts, Purpose, StepUpAction } from "./attempt.js";
import type { Audit } from "./audit.js";
import type { Challenges, Outcome, PushFailure } from "./challenge.js";
import type { AccountRows } from "./close-account.js";
import type { Clients, ClientSecrets } from "./client.js";
import type { EnrolmentEnd, Enrolments } from "./enrolment.js";
import type { Factor, Factors, FactorType } from "./factor.js";
import type { Providers, Sent } from "./factor-provider.js";
import type { FailureLimits, Failures } from "./failures.js";
import type { LogoutNotices } from "./logout-notice.js";
import type { OidcRecords } from "./oidc-record.js";
import type { Language } from "./language.js";
import type { ComposeMail, LinkPurpose, Links, Mails, Postman, ResetRequests } from "./mail.js";
import type { Gate } from "./gate.js";
import type { Passkeys } from "./passkey.js";
import type { PhoneKeys, PushSubscriptions } from "./phone-key.js";
import type { SessionLifetimes, Sessions } from "./session.js";
import type { SigningKeys } from "./signing-key.js";
import type { KnownBrowsers, RecoveryCodes, Subscribers } from "./subscriber.js";
import type { Traces } from "./traces.js";
import type { TotpSecrets } from "./totp-secret.js";
import type { LiveStatus, WatchedKind, Witness } from "./watched.js";

/** Lifetimes and limits that the rules look at; fields carry their unit. `0` as a limit means none. */
export interface RuleSettings extends SessionLifetimes, FailureLimits {
  readonly appName: string;
  readonly approvalTtlSeconds: number;
  readonly registrationTtlSeconds: number;
  readonly attemptTtlSeconds: number;
  readonly approvedTtlSeconds: number;
  readonly stepUpTtlSeconds: number;
  readonly freshPasswordSeconds: number;
  readonly matchCode: "never" | "new-browser" | "always";
  readonly passwordMinLength: number;
  readonly factorLimit: number;
  readonly moveFromAuthy: "offer" | "require" | "off";
  readonly pushLimit: number;
  readonly resendLimit: number;
  readonly resendAfterSeconds: number;
  readonly resendWindowSeconds: number;
  readonly pushFreezeSeconds: number;
  readonly loginFloorMs: number;
  readonly pollFirstMs: number;
  readonly pollMaxMs: number;
  readonly pollFirstWithCallbacksMs: number;
  readonly pollRegistrationMs: number;
  readonly textMessages: boolean;
  readonly resetTtlSeconds: number;
  readonly verifyTtlSeconds: number;
  readonly mailsPerAccount: number;
  /** Pauses after the first, second … try to send a message that failed; the last one again and again, for a day. */
  readonly mailRetrySeconds: readonly number[];
  /** How long a mail server may be silent. */
  readonly mailSilenceSeconds: number;
  readonly gateTicketSeconds: number;
  /** How long a closed account can be taken back. */
  readonly closeGraceSeconds: number;
}

/** The words of a push, in the language of whoever is asked. The names of its details are part of the outside contract. */
export interface PushWords {
  readonly language: Language;
  /** The question itself: "Sign in to Example?" */
  question(purpose: Purpose, appName: string): string;
  /** What a step-up allows, as the phone names it: "Change the password"; of a factor or an application with its name. */
  action(action: StepUpAction, about: Factor | string | null): string;
  /** The browser: "Firefox on Linux". */
  browser(label: string): string;
  /** When it was asked, to the minute. */
  time(at: Date): string;
  /** What other phones are told of one that is no longer notified. */
  silent(label: string): { readonly title: string; readonly body: string };
  /** What a notification offers, and what it says when its time is over. */
  offers(): { readonly look: string; readonly deny: string; readonly over: string };
}

/** Tells whoever watches a challenge or enrolment what it has become: those of this process at once, the others by Redis. */
export interface Feed {
  /** Never throws, and returns at once. A lost message delays a page until it reads its row again. */
  publish(status: LiveStatus): void;
  /** The same without the status: the row says what has changed. */
  changed(id: string): void;
}

/** The other end of the feed, once for a whole process. */
export interface Notifications {
  /**
   * From now on the listeners are called for this challenge or enrolment. Resolves once that is so, or soon where Redis does
   * not answer: the rows are read again from time to time.
   */
  watch(id: string): Promise<void>;
  unwatch(id: string): void;
  listen(listeners: FeedListeners): void;
  close(): void;
}

/** What is called when. A message counts only until the row is read the next time. */
export interface FeedListeners {
  readonly onStatus: (status: LiveStatus) => void;
  /** Something about a row has changed, and the row says what. */
  readonly onChange: (id: string) => void;
  readonly onSessionsEnded: () => void;
  /** After a time without a connection: everything may have changed. */
  readonly onReconnect: () => void;
}

/** Counts one more under a key. @throws TooMany when there was too much of it. */
export type RateLimit = (key: string) => Promise<void>;

/** The fallback's schedule. Never throws: `reconcile` re-creates what is missing. */
export interface Polls {
  schedule(kind: WatchedKind, id: string, at: Date): Promise<void>;
  /** Nothing is to be asked about it any more. Nobody waits for it: a job that stays finds its row settled. */
  forget(id: string): void;
  /** True for one caller after the queue was emptied: then every job has to be made again from its row. */
  noticeLoss(): Promise<boolean>;
}

/** Factors that could not be reached when they were asked. A ring that is lost costs nothing but the ring. */
export interface Rings {
  /** Never throws, and nobody waits for it. */
  schedule(challengeId: string, factorId: string, at: Date): void;
}

/** Password hashing, bounded in how much runs at once. */
export interface Passwords {
  /**
   * Waits for one of the few places in which a password may be judged; known browsers go before unknown ones.
   * Throws Busy when too many of the same kind wait already.
   */
  inTurn<T>(work: () => Promise<T>, isOwn?: boolean): Promise<T>;
  /** How many wait for such a place now. */
  waiting(): number;
  hash(password: string): Promise<string>;
  verify(hash: string, password: string): Promise<boolean>;
  /** Takes as long as a verification, for a name that has no account. */
  verifyNothing(password: string): Promise<void>;
  needsRehash(hash: string): boolean;
  /** Why a hash of another system is not taken: of no known form, or too dear to judge; null where it is. */
  foreignProblem(hash: string): "form" | "cost" | null;
  /** The least time of a refusal, in ms: as long as the slowest hash of another system takes. 0 where there are none. */
  floorMs(): number;
  /** Finds out how long such hashes take, by one of each kind among these. */
  learnFloor(hashes: readonly string[]): Promise<void>;
  /** In the list of common passwords, or among its first so many. */
  isCommon(password: string, amongFirst?: number): boolean;
}

/** A verified callback or event, kept for a while: for what it said about a request that we did not know yet. */
export interface Receipt {
  readonly signatureHash: string;
  readonly providerRef: string;
  readonly providerId: string;
  readonly status: "approved" | "denied" | "expired";
  readonly receivedAt: Date;
}

/** The rows of receipts. */
export interface Receipts {
  /** @returns false when this very callback was seen before. */
  insert(receipt: Receipt): Promise<boolean>;
  findByProviderRef(providerRef: string): Promise<Receipt | null>;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Chosen fields only, never an object of somebody else. */
export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** How a sign-in went: `refused` at the password, `wrong-code` at a code, `denied` on a phone. */
export type SignInOutcome = "signed-in" | "refused" | "wrong-code" | "denied";
/** What a sign-in was tried with. */
export type SignInWay = FactorType | "password" | "recovery-code";

/** Counts for the operator what this process saw happen. Never throws. */
export interface Tally {
  signIn(way: SignInWay, outcome: SignInOutcome): void;
  push(type: FactorType, result: Sent["reach"] | PushFailure): void;
  enrolment(type: FactorType, result: "begun" | EnrolmentEnd | "completed"): void;
  /** A request to approve came to its end. @param afterMs - Since the request was made. */
  settled(type: FactorType, outcome: Outcome, by: Witness, afterMs: number): void;
  /** A provider called. @param word - What became of it: one of a few. @param ageMs - Since the person answered, where known. */
  callback(type: FactorType, word: string, ageMs?: number): void;
  /** A provider was asked. @param route - Without ids. @param result - The status, or why none came. */
  upstream(route: string, result: string, ms: number): void;
}

/** The rows of every noun. Inside a transaction they are read and written as that transaction sees them. */
export interface Rows {
  readonly subscribers: Subscribers;
  readonly factors: Factors;
  readonly totpSecrets: TotpSecrets;
  readonly passkeys: Passkeys;
  readonly enrolments: Enrolments;
  readonly attempts: Attempts;
  readonly challenges: Challenges;
  readonly sessions: Sessions;
  readonly browsers: KnownBrowsers;
  readonly recoveryCodes: RecoveryCodes;
  readonly receipts: Receipts;
  readonly phoneKeys: PhoneKeys;
  readonly pushSubscriptions: PushSubscriptions;
  readonly clients: Clients;
  readonly clientSecrets: ClientSecrets;
  readonly signingKeys: SigningKeys;
  readonly oidcRecords: OidcRecords;
  readonly logoutNotices: LogoutNotices;
  readonly failures: Failures;
  readonly audit: Audit;
  readonly applications: Applications;
  readonly sites: Sites;
  readonly memberships: Memberships;
  readonly mails: Mails;
  readonly links: Links;
  readonly resetRequests: ResetRequests;
  readonly gate: Gate;
  readonly accountRows: AccountRows;
}

/** The ports of the rules: all that they may ask of the other folders. Each rule picks the few it needs. */
export interface Deps extends Rows {
  /** The database's idea of now; handed on by itself. */
  readonly now: () => Date;
  readonly settings: RuleSettings;
  readonly log: Log;
  readonly feed: Feed;
  readonly polls: Polls;
  readonly rings: Rings;
  readonly providers: Providers;
  readonly passwords: Passwords;
  /** Of an account that has no language: those of the program's first one. */
  pushWords(language: Language | null): PushWords;
  /** The way to the mail server; null where there is none, and then nothing of it exists. */
  readonly mail: {
    readonly postman: Postman;
    readonly compose: ComposeMail;
    linkUrl(purpose: LinkPurpose, token: string): string;
  } | null;
  readonly tally: Tally;
  /** Absent unless somebody collects them. */
  readonly traces?: Traces;
  /**
   * The match code of a challenge, which its phone can show again although nothing but a hash is kept. One for each key of
   * ours: the first is that of new challenges.
   */
  matchCodes(challengeId: string): readonly string[];
  /**
   * Runs `work` in one database transaction: all of its writes stand, or none. Keep it short: no network, no hashing.
   * What `work` throws undoes everything and is thrown on. It may run again where the database was busy. It asks the
   * database through its `rows` alone: on SQLite anything else would wait for the end of the transaction, and that for it.
   */
  transaction<T>(work: (rows: Rows) => Promise<T>): Promise<T>;
}

/** Where a request comes from: shown on the phone and kept in the history. */
export interface Origin {
  readonly address: string;
  readonly browserLabel: string;
}
