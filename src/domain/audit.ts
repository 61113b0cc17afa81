import type { Origin } from "./deps.js";
import type { FactorType } from "./factor.js";
import type { MailOrder } from "./mail.js";

/** One line for each security event; feeds the activity page and the operator. */
export type AuditKind =
  | "registered"
  | "signed-in"
  | "signed-out"
  | "sign-in-failed"
  | "sign-in-denied"
  /** The password was right, and the sign-in was not finished. */
  | "sign-in-ended"
  | "step-up-ended"
  | "not-me"
  | "phone-enrolled"
  | "phone-removed"
  /** The push service said that a phone's subscription has ended; the detail names the phone. */
  | "notifications-ended"
  | "password-changed"
  | "recovery-codes-made"
  | "recovery-code-used"
  | "session-ended"
  | "unlocked"
  | "disabled"
  | "enabled"
  | "email-verified"
  | "group-joined"
  | "group-left"
  | "step-up"
  | "reset-asked"
  | "address-change-asked"
  | "address-confirmed"
  | "address-changed"
  | "address-change-undone"
  | "account-closed"
  | "account-reopened"
  | "account-erased"
  | "imported";

/**
 * How the history tells of one factor: of other types than Authy's phone which it was, and then how. All of it stands under
 * the kinds that phones had, since processes of the release before know no others.
 *
 * @param how - Empty where the owner did it in the usual way.
 */
export function factorDetail(type: FactorType, how: string): string {
  return [type === "authy-push" ? "" : type, how].filter((word) => word !== "").join(" ");
}

/**
 * What an operator did to an application, to the keys that sign for all of them, to the database, or with a callback: kept under
 * the id of what it was done to.
 */
export type ApplicationAuditKind =
  | `application-${"added" | "removed" | "admits" | "dismisses" | "secret-rotated"}`
  | "keys-rotated"
  | "backed-up"
  | "accounts-exported"
  | "restored"
  | "callback-replayed";

/** Who, when, from where, which way, with what result. */
export interface AuditEvent extends Origin {
  readonly subscriberId: string;
  readonly kind: AuditKind;
  readonly at: Date;
  /** A short word on how: a witness, a way in, a purpose. Never a secret. */
  readonly detail: string;
}

/** A line that is to be written. */
export type NewEvent = Omit<AuditEvent, keyof Origin | "detail"> & {
  readonly origin: Origin;
  readonly detail?: string;
  readonly mails?: readonly MailOrder[];
};

/** A part of an account's history. */
export interface HistoryPage {
  readonly limit: number;
  readonly offset?: number;
  readonly without?: readonly AuditKind[];
}

/** The rows of security events. */
export interface Audit {
  /**
   * Writes one line, in the transaction of the change that it records: both are committed, or none. So are the messages that
   * tell of it, which a worker sends; without a mail server there are none.
   */
  record(event: NewEvent): Promise<void>;
  /** Many lines at once, of which no messages tell. */
  recordEach(events: readonly Omit<NewEvent, "mails">[]): Promise<void>;
  /** The same of an application. */
  recordOfApplication(applicationId: string, kind: ApplicationAuditKind, at: Date, detail: string): Promise<void>;
  /** The newest first. */
  listOfApplication(applicationId: string, limit: number): Promise<{ at: Date; kind: string; detail: string }[]>;
  /** The newest first, from `offset`; without those of the kinds left out. */
  list(subscriberId: string, page: HistoryPage): Promise<AuditEvent[]>;
}
