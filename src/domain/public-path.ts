/** A path that needs no sign-in, as an operator wrote it. */
const WRITTEN = /^(?:([A-Z]+) )?(\/(?:[\w.~!$&'()+,=:@-]+\/?)*)(\*?)$/;

/** What one server reads as a separator, a parent folder or an end, and another one as part of a name. */
const AMBIGUOUS = /\.\.|\/\/|\/\.(?:\/|$)|[\\;#]|%(?:2f|5c|2e|25|3b|23|3f)/i;

/**
 * True for what may be written: `/healthz`, or `/feed/*` for all below it; with a method in front for that method alone.
 * No other signs stand for anything.
 */
export function isPublicPathPattern(text: string): boolean {
  const [, , path = "", star = ""] = WRITTEN.exec(text) ?? [];
  return path !== "" && !AMBIGUOUS.test(path) && (star === "" || path.endsWith("/"));
}

/**
 * Whether a request needs no sign-in. The path is compared as it was sent: whatever two servers could read differently is
 * never public.
 *
 * @param path - Without its query, not decoded.
 */
export function isPublicPath(patterns: readonly string[], method: string, path: string): boolean {
  return !mayBeReadDifferently(path) && patterns.some((pattern) => fits(pattern, method, path));
}

function fits(pattern: string, method: string, path: string): boolean {
  const [, onlyFor, written = "", star] = WRITTEN.exec(pattern) ?? [];
  const isMethod = onlyFor === undefined || onlyFor === method || (onlyFor === "GET" && method === "HEAD");
  return isMethod && (star === "*" ? path.startsWith(written) : path === written);
}

function mayBeReadDifferently(path: string): boolean {
  if (AMBIGUOUS.test(path) || !path.startsWith("/")) return true;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return true; // no UTF-8, or longer than it need be
  }
  // Full-width dots and slashes become plain ones in programs that normalize names.
  return /[\u0000-\u0020\u007f-\u00a0]/.test(decoded) || AMBIGUOUS.test(decoded.normalize("NFKC"));
}
