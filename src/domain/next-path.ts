const HERE = "http://here.invalid";
/** Of the parsed path, in which one letter may take many signs. */
const MAX_LENGTH = 2048;

/**
 * A path of this site, or the fallback: one slash in front, no backslash, no control character, same origin after
 * parsing. The text that comes back is the parsed one, so that no browser reads it differently.
 */
export function safeNext(next: string, fallback = "/account"): string {
  if (!/^\/(?![/\\])/.test(next) || /[\\\u0000-\u0020\u007f-\u009f]/.test(next)) return fallback;
  let url: URL;
  try {
    url = new URL(next, HERE);
  } catch {
    return fallback;
  }
  const path = url.pathname + url.search + url.hash;
  return path.length <= MAX_LENGTH && url.origin === HERE && !path.startsWith("//") ? path : fallback;
}
