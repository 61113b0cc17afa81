/** What a password must not resemble. */
export interface PasswordContext {
  readonly username: string;
  readonly email: string;
  readonly appName: string;
  readonly minLength: number;
  /** @param amongFirst - Only among so many of the most common ones. */
  readonly isCommon: (password: string, amongFirst?: number) => boolean;
}

const MAX_BYTES = 256;

/** The form that is hashed, so that a password typed on another keyboard is the same password (NIST SP 800-63B). */
export function normalizePassword(password: string): string {
  return password.normalize("NFKC");
}

/** Why a password is refused. */
export type PasswordProblem =
  | { readonly code: "missing" | "common" | "repetitive" | "own-name" }
  | { readonly code: "too-short"; readonly min: number }
  | { readonly code: "too-long"; readonly maxBytes: number };

/** @returns why the password cannot be taken, or null. Nothing is cut off, no composition is asked for. */
export function passwordProblem(password: string, context: PasswordContext): PasswordProblem | null {
  const normal = normalizePassword(password);
  if (normal === "") return { code: "missing" };
  if (Array.from(normal).length < context.minLength) return { code: "too-short", min: context.minLength };
  if (Buffer.byteLength(normal) > MAX_BYTES) return { code: "too-long", maxBytes: MAX_BYTES };
  const lower = normal.toLowerCase();
  if (context.isCommon(lower) || isCommonWithTrimmings(lower, context.isCommon) || isDigitRun(lower))
    return { code: "common" };
  if (/^(.{1,8})\1+.{0,3}$/su.test(lower)) return { code: "repetitive" };
  return ownNames(context).some((own) => isMostly(lower, own)) ? { code: "own-name" } : null;
}

/** How many of the most common passwords are refused with signs around them, too. */
const MOST_COMMON = 5000;
const TRIMMINGS_MAX = 6;

/** "password1234", "2026-Sunshine!": what guessing programs try right after the list itself. */
function isCommonWithTrimmings(password: string, isCommon: PasswordContext["isCommon"]): boolean {
  const stem = password.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
  return stem.length >= 4 && password.length - stem.length <= TRIMMINGS_MAX && isCommon(stem, MOST_COMMON);
}

/** "1234567890123456", or the same backwards. */
function isDigitRun(password: string): boolean {
  const up = "0123456789".repeat(7);
  return up.includes(password) || Array.from(up).reverse().join("").includes(password);
}

function ownNames({ username, email, appName }: PasswordContext): string[] {
  const address = email.toLowerCase();
  return [username, address, address.split("@")[0] ?? "", appName, "countersign"]
    .map((name) => name.normalize("NFKC").toLowerCase())
    .filter((name) => name.length >= 3);
}

/** True when little but the name remains: "ada-lovelace12" for Ada Lovelace, but not "ada walks the long road". */
function isMostly(password: string, name: string): boolean {
  const rest = password.split(name).join("");
  return rest !== password && rest.replace(/[^\p{L}\p{N}]/gu, "").length < 6;
}
