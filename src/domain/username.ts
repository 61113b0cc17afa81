const ALLOWED = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,30}[A-Za-z0-9])?$/;

/**
 * The one form under which an account is found and its failures are counted: case, Unicode form and blanks around it
 * make no difference. Never fails; what is no possible name simply finds nobody.
 */
export function usernameKey(typed: string): string {
  return typed.normalize("NFKC").trim().toLowerCase().slice(0, 256);
}

/** @returns what to mend, or null when the name may be registered: 2 to 32 letters, digits, dots, dashes, underscores. */
export function usernameProblem(username: string): string | null {
  if (username === "") return "Choose a username.";
  if (username.length < 2 || username.length > 32) return "Use 2 to 32 characters.";
  if (!ALLOWED.test(username))
    return "Use letters, digits, dots, dashes and underscores; begin and end with a letter or digit.";
  return null;
}

/** @returns what to mend, or null when a message could reach the address. */
export function emailProblem(email: string): string | null {
  if (email === "") return "Enter your e-mail address.";
  if (email.length > 254 || !/^[^\s@<>"',;:\\()[\]]+@[^\s@<>"',;:\\()[\]]+\.[^\s@<>"',;:\\()[\].]+$/.test(email))
    return "Enter an e-mail address such as name@example.com.";
  return null;
}
