/** The secret of an authenticator app, sealed, and the last time step whose code was used. */
export interface TotpSecret {
  /** Of the factor, and before that of its enrolment, which has the same id. */
  readonly factorId: string;
  /** Only its provider can open it. */
  readonly sealed: string;
  /** Steps of 30 s since 1970; 0 before the first use. */
  readonly lastStep: number;
  readonly createdAt: Date;
}

/** The rows of secrets. They go with their factor. */
export interface TotpSecrets {
  insert(secret: Omit<TotpSecret, "lastStep">): Promise<void>;
  find(factorId: string): Promise<TotpSecret | null>;
  /** @returns true for the one caller that used the step: none before it, and it not twice, is a code any more. */
  spendStep(factorId: string, step: number): Promise<boolean>;
}
