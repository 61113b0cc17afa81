import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Authy's signature: Base64 of HMAC-SHA256 over `nonce|METHOD|url|params`.
 *
 * @param key - The application's production API key (callbacks) or the dashboard's signing key.
 * @param url - As entered in the console, without query.
 * @param params - The parsed body, or the decoded query pairs of a GET.
 * @see https://www.twilio.com/docs/authy/api/push-authentications (validating callbacks); test/fixtures/authy-vectors.json
 */
export function signature(key: string, nonce: string, method: string, url: string, params: unknown): string {
  const signed = `${nonce}|${method.toUpperCase()}|${url}|${canonicalParams(params)}`;
  return createHmac("sha256", key).update(signed).digest("base64");
}

/** Compares two signatures without telling by its time where they differ. */
export function sameSignature(presented: string | null | undefined, expected: string): boolean {
  const [left, right] = [Buffer.from(presented ?? ""), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The query text that is signed: Rails' Hash#to_query, each level sorted by its escaped texts, lists in their own order. */
export function canonicalParams(params: unknown): string {
  return isMap(params) ? hashToQuery(params, "") : "";
}

function hashToQuery(map: Record<string, unknown>, prefix: string): string {
  const members = Object.entries(map)
    .filter(([, value]) => !isEmpty(value))
    .map(([key, value]) => toQuery(value, prefix === "" ? key : `${prefix}[${key}]`));
  return (prefix.includes("[]") ? members : members.sort(byBytes)).join("&");
}

function toQuery(value: unknown, name: string): string {
  if (Array.isArray(value)) return value.map((element) => toQuery(element, `${name}[]`)).join("&");
  if (isMap(value)) return hashToQuery(value, name);
  return `${escape(name)}=${isScalar(value) ? escape(String(value)) : ""}`;
}

// Escaped texts are ASCII, so comparing code units compares bytes.
const byBytes = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
const isScalar = (value: unknown): value is string | number | boolean =>
  ["string", "number", "boolean"].includes(typeof value);
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;

/** Form encoding as Ruby does it: letters, digits, `-_.~` stay, a space becomes `+`. */
function escape(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()) // through UTF-8, for a lone surrogate would throw
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

/** The same body as flat name and value pairs, as a GET callback carries them in its query. */
export function flatPairs(params: unknown): [string, string][] {
  return [...new URLSearchParams(canonicalParams(params))];
}

/**
 * The text that is signed of a GET: its decoded pairs, escaped again and sorted.
 *
 * @param query - With or without the leading `?`.
 */
export function canonicalQuery(query: string): string {
  return [...new URLSearchParams(query)]
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .sort(byBytes)
    .join("&");
}

/** The signature of a GET callback, over its query text. */
export function querySignature(key: string, nonce: string, url: string, query: string): string {
  return createHmac("sha256", key)
    .update(`${nonce}|GET|${url}|${canonicalQuery(query)}`)
    .digest("base64");
}
