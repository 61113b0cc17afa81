import { LoginError } from "./errors.js";

const MOST_CAUSES = 8;

/**
 * What the log may hold of an error: chosen fields only, since somebody else's error object may carry a key or a password.
 * `code` and `at` are the innermost cause's, so that the log names the driver's own code. `reason` is the message where the
 * error is one of ours.
 */
export function errorFields(error: unknown): { name: string; code: string; at: string; reason?: string } {
  const known = error instanceof Error ? error : new Error("not an error");
  let code = "";
  let at = "";
  let cause: unknown = known;
  for (let depth = 0; depth < MOST_CAUSES && cause instanceof Error; depth++, cause = cause.cause) {
    const own = (cause as { code?: unknown }).code;
    if (typeof own === "string") code = own;
    at = cause.stack?.split("\n").find((line) => /^\s+at /.test(line)) ?? at;
  }
  const reason = known instanceof LoginError ? { reason: known.message } : {};
  return { name: known.name, code, at: at.trim().slice(0, 160), ...reason };
}
