import type { AuditEvent } from "./audit.js";

/** What a message is about. Those of `LINKS` carry a link that only they carry. */
export type MailKind =
  | "welcome"
  | "confirm-address"
  | "reset"
  | "new-browser"
  | "factor-added"
  | "factor-replaced"
  | "factor-removed"
  | "password-changed"
  | "password-reset"
  | "address-changed-old"
  | "address-changed-new"
  | "recovery-codes-made"
  | "recovery-codes-few"
  | "request-denied"
  | "account-closed"
  | "account-erased";

/** What the link in a message does. */
export type LinkPurpose = "verify" | "reset" | "undo" | "not-me";

/** The link that a kind of message carries; an address that may be a stranger's yet gets none. */
export const LINKS: Readonly<Record<MailKind, LinkPurpose | null>> = {
  welcome: "verify",
  "confirm-address": "verify",
  reset: "reset",
  "new-browser": "not-me",
  "factor-added": "not-me",
  "factor-replaced": "not-me",
  "factor-removed": "not-me",
  "password-changed": "not-me",
  "password-reset": "not-me",
  "address-changed-old": "undo",
  "address-changed-new": null,
  "recovery-codes-made": "not-me",
  "recovery-codes-few": "not-me",
  "request-denied": "not-me",
  "account-closed": "not-me",
  "account-erased": null,
};

/** The kinds that a stranger can cause: they are counted. Notices of real changes are not. */
export const ASKED_FOR = ["welcome", "confirm-address", "reset"] as const satisfies readonly MailKind[];

/** What an event's record asks to be sent, to the account's address unless it names another. */
export interface MailOrder {
  readonly kind: MailKind;
  readonly to?: string;
  /** What the message says besides what the event says. */
  readonly detail?: string;
  /** Not when one of this kind was ordered for the account within so many seconds. */
  readonly notWithinSeconds?: number;
}

/** due → sent, given up (the server refused it for good, or for a day) or void (its link would be worth nothing any more). */
export type MailState = "due" | "sent" | "given-up" | "void";

/** One message: the row by which an event of the history is an outbox. */
export interface Mail {
  readonly id: string;
  readonly eventId: string;
  readonly subscriberId: string;
  readonly kind: MailKind;
  readonly recipient: string;
  readonly detail: string;
  /** The account's when the event happened: a link of an earlier one opens nothing. */
  readonly epoch: number;
  readonly state: MailState;
  readonly tries: number;
  readonly dueAt: Date;
  readonly createdAt: Date;
  readonly settledAt: Date | null;
  /** What the mail server said at the last try that failed. */
  readonly failure: string;
}

/** How many messages wait, and how many were given up. */
export interface MailCounts {
  readonly due: number;
  readonly givenUp: number;
  readonly sent: number;
}

/** The rows of messages; `Audit.record` writes them. */
export interface Mails {
  /** Due now and leased to nobody, the oldest first. */
  findDue(now: Date, limit: number): Promise<Mail[]>;
  /** One more try, held until the lease is over. @returns false when somebody else has it, or it is due no more. */
  claim(id: string, now: Date, leaseUntil: Date): Promise<boolean>;
  /** due → another state. */
  settle(id: string, state: Exclude<MailState, "due">, now: Date, failure?: string): Promise<void>;
  /** The try failed: the next one is due then. */
  postpone(id: string, dueAt: Date, failure: string): Promise<void>;
  /** Of an account that is gone nothing is kept for longer than it takes to send it. */
  forget(id: string): Promise<void>;
  findEvent(mail: Pick<Mail, "eventId">): Promise<AuditEvent | null>;
  /** Messages of these kinds that were ordered for the account since then. */
  countSince(subscriberId: string, kinds: readonly MailKind[], since: Date): Promise<number>;
  /** The newest that are due or given up. */
  listTroubled(limit: number): Promise<Mail[]>;
  counts(): Promise<MailCounts>;
}

/** A link that somebody holds: of its token the database has the hash alone. */
export interface Link {
  readonly tokenHash: string;
  /** The message that carries it: each try to send that one has a token of its own, and one use ends all of them. */
  readonly mailId: string;
  readonly purpose: LinkPurpose;
  readonly subscriberId: string;
  /** Where it was sent to. */
  readonly address: string;
  /** Null for links that no new password or epoch ends. */
  readonly epoch: number | null;
  /** When the event happened that it is about. */
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly usedAt: Date | null;
}

/** The rows of links. */
export interface Links {
  insert(link: Omit<Link, "usedAt">): Promise<void>;
  find(tokenHash: string): Promise<Link | null>;
  /** @returns true for the one caller that used the link of that message. */
  use(mailId: string, now: Date): Promise<boolean>;
  /** Links of whatever purpose that are younger than this one. */
  endYounger(link: Pick<Link, "subscriberId" | "createdAt">, now: Date): Promise<void>;
}

/** Somebody has typed a name or an address at the page for forgotten passwords; a worker finds out whose it is. */
export interface ResetRequest {
  readonly id: string;
  readonly typed: string;
  readonly address: string;
  readonly browserLabel: string;
  readonly at: Date;
}

/** The rows of requests that no worker has looked at yet. */
export interface ResetRequests {
  insert(request: ResetRequest): Promise<void>;
  /** The oldest first. */
  list(limit: number): Promise<ResetRequest[]>;
  /** @returns true for the one caller that took it. */
  take(id: string): Promise<boolean>;
}

/** A message that is ready to be sent. */
export interface ReadyMail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** Empty for none. */
  readonly html: string;
}

/** What a mail server made of a message: `later` says nothing about this message, `refused` is final. */
export type Delivery =
  | { readonly kind: "sent" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "later"; readonly reason: string };

/** The way to the mail server. */
export interface Postman {
  /** Never throws; ends within twice the setting for one silence. */
  send(mail: ReadyMail): Promise<Delivery>;
  close(): void;
}

/**
 * Puts a message into words.
 *
 * @param reader - Without a name where the account is gone; without a time zone times are told in UTC.
 * @param link - Its address; null where it carries none.
 */
export type ComposeMail = (
  mail: Pick<Mail, "id" | "kind" | "recipient" | "detail">,
  event: AuditEvent,
  reader: { readonly username: string; readonly language: string | null; readonly timeZone: string | null },
  link: string | null,
) => ReadyMail;
