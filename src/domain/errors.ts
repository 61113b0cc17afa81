import type { EmailProblem } from "./email-address.js";
import type { PasswordProblem } from "./password-policy.js";
import type { UsernameProblem } from "./username.js";

/** A refusal with a stable `code`; `message` is for the log. One middleware turns codes into statuses and pages. */
export class LoginError extends Error {
  readonly code: string = "login_error";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The provider could not be asked. Says nothing about the subscriber: never treat it as a denial. */
export class ProviderUnavailable extends LoginError {
  override readonly code = "provider_unavailable";
}

/** The provider asks us to wait. `retryAfterMs` is already capped. */
export class ProviderThrottled extends LoginError {
  override readonly code = "provider_throttled";
  constructor(
    message: string,
    readonly retryAfterMs: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Bytes went out but no usable answer came: the request may or may not have reached the phone. */
export class ProviderUnconfirmed extends LoginError {
  override readonly code = "provider_unconfirmed";
}

/** The provider refused the request itself (wrong key, unknown user): trying again will not help. */
export class ProviderRefused extends LoginError {
  override readonly code = "provider_refused";
}

/** The database cannot be used now; nothing is wrong with what was asked, and nothing was changed. */
export class DatabaseAway extends LoginError {
  override readonly code = "database_away";
}

/** Too much of something; `retryAfterSeconds` says when it may be tried again. */
export class TooMany extends LoginError {
  override readonly code = "too_many";
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

/** The server has more work than it can do in time. */
export class Busy extends LoginError {
  override readonly code = "busy";
  constructor(
    message: string,
    readonly retryAfterSeconds = 2,
  ) {
    super(message);
  }
}

/** What is wrong with each field of a form, as a code with the values that its sentence needs. */
export interface FieldProblems {
  readonly username?: UsernameProblem;
  readonly email?: EmailProblem;
  readonly password?: PasswordProblem;
  /** `changed`: right when the form was sent, but the password was changed elsewhere meanwhile. */
  readonly current_password?: { readonly code: "wrong" | "changed" };
}

/** What a form asked for cannot be done. */
export class Invalid extends LoginError {
  override readonly code = "invalid";
  constructor(readonly problems: FieldProblems) {
    super(`invalid ${Object.keys(problems).join(", ")}`);
  }
}
