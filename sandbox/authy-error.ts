/** A refusal in Authy's words: becomes the failure envelope of the API. */
export class AuthyError extends Error {
  /**
   * @param status - HTTP status of the answer.
   * @param code - Authy's five-digit code; text in the envelope.
   * @param fields - Members that stand beside the message in `errors` and at the top level.
   * @see https://www.twilio.com/docs/authy/api/return-and-error-codes
   */
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    readonly fields: Readonly<Record<string, string>> = {},
    /** Some answers have an empty `errors`: an unknown approval request, for one. */
    readonly bare = false,
  ) {
    super(message);
    this.name = "AuthyError";
  }

  /** The JSON body of the answer. */
  envelope(): Record<string, unknown> {
    return {
      message: this.message,
      success: false,
      errors: this.bare ? {} : { message: this.message, ...this.fields },
      error_code: String(this.code),
      ...this.fields,
    };
  }
}

export const userNotFound = (): AuthyError => new AuthyError(404, 60026, "User not found.");
export const invalidRequest = (message: string): AuthyError => new AuthyError(400, 60002, message);
export const invalidParameter = (message: string, fields?: Record<string, string>): AuthyError =>
  new AuthyError(400, 60004, message, fields);
