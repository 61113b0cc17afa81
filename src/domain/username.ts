const ALLOWED = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,30}[A-Za-z0-9])?$/;

/**
 * The one form under which an account is found and its failures are counted: case, Unicode form and blanks around it
 * make no difference. Never fails; for what cannot be a name no account is found.
 */
export function usernameKey(typed: string): string {
  return typed.normalize("NFKC").trim().toLowerCase().slice(0, 256);
}

const MIN_LENGTH = 2;
const MAX_LENGTH = 32;

/** Why a username is refused. */
export type UsernameProblem =
  | { readonly code: "missing" | "characters" | "taken" }
  | { readonly code: "length"; readonly min: number; readonly max: number };

/** @returns why not, or null when the name may be registered: 2 to 32 letters, digits, dots, dashes, underscores. */
export function usernameProblem(username: string): UsernameProblem | null {
  if (username === "") return { code: "missing" };
  if (username.length < MIN_LENGTH || username.length > MAX_LENGTH)
    return { code: "length", min: MIN_LENGTH, max: MAX_LENGTH };
  return ALLOWED.test(username) ? null : { code: "characters" };
}
