/** One line for each security event; feeds the activity page and the operator. */
export type AuditKind =
  | "registered"
  | "signed-in"
  | "signed-out"
  | "sign-in-failed"
  | "sign-in-denied"
  | "not-me"
  | "phone-enrolled"
  | "phone-removed"
  | "password-changed"
  | "recovery-codes-made"
  | "recovery-code-used"
  | "session-ended"
  | "unlocked"
  | "step-up";

/** Who, when, from where, which way, with what result. */
export interface AuditEvent {
  readonly subscriberId: string;
  readonly kind: AuditKind;
  readonly at: Date;
  readonly address: string;
  readonly browserLabel: string;
  /** A short word on how: a witness, a way in, a purpose. Never a secret. */
  readonly detail: string;
}

/** The rows of security events. */
export interface Audit {
  record(event: AuditEvent): Promise<void>;
  list(subscriberId: string, limit: number): Promise<AuditEvent[]>;
}
