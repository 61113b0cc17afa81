const MAX_LENGTH = 254;

/** What `<input type=email>` accepts (HTML living standard, "valid e-mail address"), and the same with letters of any script. */
const LOCAL_PART = "[\\p{L}\\p{M}\\p{N}.!#$%&'*+\\/=?^_`{|}~\\-]+";
const LABEL = "[\\p{L}\\p{N}](?:[\\p{L}\\p{M}\\p{N}\\-]{0,61}[\\p{L}\\p{M}\\p{N}])?";
const VALID = new RegExp(`^${LOCAL_PART}@${LABEL}(?:\\.${LABEL})*$`, "u");

/** Why an e-mail address is refused. */
export interface EmailProblem {
  readonly code: "missing" | "malformed" | "same";
}

/**
 * An address as it is kept. Phones and word processors put typographic apostrophes and hyphens in the place of the plain
 * ones, and copying brings signs along that nobody sees.
 */
export function plainEmail(typed: string): string {
  return typed
    .replace(/[\u00b4\u02bc\u2018\u2019\u201b\u2032]/g, "'")
    .replace(/[\u2010\u2011]/g, "-")
    .replace(/[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g, "")
    .normalize("NFKC")
    .trim();
}

/** @returns why an address in its plain form is refused, or null when a message could reach it. */
export function emailProblem(email: string): EmailProblem | null {
  if (email === "") return { code: "missing" };
  return email.length <= MAX_LENGTH && VALID.test(email) ? null : { code: "malformed" };
}
