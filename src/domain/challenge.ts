import type { Deps } from "./deps.js";
import type { FactorType } from "./factor.js";
import type { Sent } from "./factor-provider.js";
import type { Language } from "./language.js";
import type { LiveStatus, PublicStatus, WatchedRow, WatchedRows, Witness } from "./watched.js";

/** The states of one push. What a browser may see of them is `publicStatus`. */
export type ChallengeState =
  | "creating"
  | "pending"
  | "approved"
  | "denied"
  | "expired"
  | "superseded"
  | "cancelled"
  | "failed"
  | "consumed"
  | "lapsed";

/** Every move a challenge may make; what is not listed cannot happen. */
export const MOVES: Readonly<Record<ChallengeState, readonly ChallengeState[]>> = {
  creating: ["pending", "expired", "superseded", "cancelled", "failed"],
  pending: ["approved", "denied", "expired", "superseded", "cancelled", "failed"],
  approved: ["consumed", "lapsed"],
  denied: [],
  expired: [],
  superseded: [],
  cancelled: [],
  failed: [],
  consumed: [],
  lapsed: [],
};

/** What ends a pending challenge. */
export type Outcome = "approved" | "denied" | "expired" | "superseded" | "cancelled" | "failed";

/** What is kept of how a challenge was settled. */
export interface SettledHow {
  readonly failure?: PushFailure;
  /** The factor that answered; of an answer without it, the one that was asked. */
  readonly answeredBy?: string;
}

/** What a provider says by itself of one of its requests, with a good signature. */
export interface ProvidersWord {
  /** The provider's own name of the request. */
  readonly providerRef: string;
  /** The phone that was asked. */
  readonly providerId: string;
  readonly status: "approved" | "denied" | "expired";
}

/** Why a push was not sent, or is not known to have been. */
export type PushFailure = "unavailable" | "throttled" | "refused" | "unconfirmed";

/** One question for one purpose, answered once: to one factor, or to all of a type that ring together. */
export interface Challenge extends WatchedRow {
  readonly attemptId: string;
  readonly subscriberId: string;
  readonly factorType: FactorType;
  /** The one that was asked, or of several the first. */
  readonly factorId: string;
  readonly browserHash: string;
  readonly isKnownBrowser: boolean;
  readonly providerId: string;
  readonly providerRef: string | null;
  readonly state: ChallengeState;
  readonly matchCodeHash: string | null;
  /** In which the phone was asked; null where the release before asked. */
  readonly language: Language | null;
  /** How the factor was called that the act is about; null where it is about none. */
  readonly namedLabel: string | null;
  readonly failure: PushFailure | null;
  /** Null before it was sent. */
  readonly reach: Sent["reach"] | null;
  readonly settledAt: Date | null;
  readonly settledBy: Witness | null;
  /** The factor that approved or denied it. */
  readonly answeredBy: string | null;
  readonly consumedAt: Date | null;
  readonly personAskedAt: Date | null;
}

/** What is known of a challenge at the moment in which it got its outcome. */
export type SettledChallenge = Pick<
  Challenge,
  "id" | "version" | "factorType" | "createdAt" | "expiresAt" | "attemptId" | "subscriberId" | "isKnownBrowser"
>;

const PUBLIC: Readonly<Record<ChallengeState, PublicStatus>> = {
  creating: "pending",
  pending: "pending",
  approved: "approved",
  consumed: "approved",
  lapsed: "approved",
  denied: "denied",
  expired: "expired",
  superseded: "cancelled",
  cancelled: "cancelled",
  failed: "failed",
};

/** What browsers see of a state: superseded reads as cancelled, consumed and lapsed as approved. */
export function publicStatus(state: ChallengeState): PublicStatus {
  return PUBLIC[state];
}

/** What event streams and status requests show of a challenge. */
export function challengeStatus({
  id,
  state,
  version,
  expiresAt,
}: Pick<Challenge, "id" | "state" | "version" | "expiresAt">): LiveStatus {
  return { id, kind: "approval", status: publicStatus(state), version, expiresAt };
}

/** True while an answer may still come. */
export function isLive(state: ChallengeState): boolean {
  return state === "creating" || state === "pending";
}

/** Longer than any answer of the provider is waited for: a push not confirmed by then lost its sender on the way. */
const SENDING_MS = 5000;

/** True while somebody may still be sending the push; later nobody knows whether it went out. */
export function isBeingSent({ state, failure, createdAt }: Challenge, now: Date): boolean {
  return state === "creating" && failure === null && now.getTime() - createdAt.getTime() < SENDING_MS;
}

/** An approval may be spent for so long, and for as long afterwards its browser may ask once more. */
export function spendableSince({ settings, now }: Pick<Deps, "settings" | "now">): Date {
  return new Date(now().getTime() - settings.approvedTtlSeconds * 1000);
}

/** Whether an approval came so recently that it may still be spent. */
export function isSpendable(deps: Pick<Deps, "settings" | "now">, { settledAt }: Challenge): boolean {
  return settledAt !== null && settledAt > spendableSince(deps);
}

/** The rows of challenges. Every write that changes a state is one conditional statement. */
export interface Challenges extends WatchedRows<Challenge> {
  /** @returns false when the browser has a live challenge already: at most one for each. */
  insert(
    challenge: Omit<
      Challenge,
      "version" | "reach" | "settledAt" | "settledBy" | "answeredBy" | "consumedAt" | "personAskedAt"
    >,
  ): Promise<boolean>;
  findByProviderRef(providerRef: string): Promise<Challenge | null>;
  findLiveOfBrowser(browserHash: string): Promise<Challenge | null>;
  /** The push that decides an attempt: one that was approved, whatever was sent after it; else the latest. */
  findDecisive(attemptId: string): Promise<Challenge | null>;
  /** Pushes that were or may have been sent, oldest first. */
  pushTimesOfAttempt(attemptId: string): Promise<Date[]>;
  countPushes(subscriberId: string, isKnownBrowser: boolean, since: Date): Promise<number>;
  /** creating → pending, with the name that the provider gave it. @returns false when another request has that name. */
  confirmSent(id: string, sent: Pick<Sent, "ref"> & Partial<Sent>, nextPollAt: Date | null): Promise<boolean>;
  /** What only waited to be looked at rings now. */
  noteRinging(id: string): Promise<void>;
  /** Notes why nothing is known of a push that may have gone out; the state stays. */
  noteFailure(id: string, failure: PushFailure): Promise<void>;
  /**
   * A live challenge gets its outcome, once, in the time that the outcome allows.
   * @returns null for whoever did not change it: it was settled already, is too late, or unknown.
   */
  settle(id: string, outcome: Outcome, by: Witness, now: Date, how?: SettledHow): Promise<SettledChallenge | null>;
  /** The same by the provider's word about one request and the phone that it went to. */
  settleByRef(word: ProvidersWord, now: Date): Promise<SettledChallenge | null>;
  /** approved → consumed, while the factor that answered is still active. Whoever spends it guards the attempt and the account. */
  consume(id: string, approvedAfter: Date, now: Date): Promise<boolean>;
  lapse(id: string): Promise<boolean>;
  /** A denial was reported as somebody else's doing. @returns true once. */
  noteReported(id: string, now: Date): Promise<boolean>;
  /** True when the person may make us ask (not more often than every `everyMs`). */
  claimPersonAsk(id: string, now: Date, everyMs: number): Promise<boolean>;
  /** Live challenges of one account. */
  findLiveOfSubscriber(subscriberId: string): Promise<Challenge[]>;
  /** Every live challenge, newest first. */
  listLive(limit: number): Promise<Challenge[]>;
  lapseOld(approvedBefore: Date): Promise<number>;
  /** Who settled the newest approval of these types that was answered since then; null when none was. */
  newestWitnessSince(since: Date, types: readonly FactorType[]): Promise<Witness | null>;
}
