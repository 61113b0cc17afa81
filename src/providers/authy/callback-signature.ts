import { createHmac, timingSafeEqual } from "node:crypto";

/** A value as it comes out of JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** How `*` and `~` stand in the signed text: clients differ, and no published signature decides. */
type Escaping = "rails" | "raw-star" | "escaped-tilde";

/**
 * The parameters in the canonical form that Authy signs, Rails' `to_query`: members sorted as escaped text at each
 * level, lists in their own order under `key[]`, empty objects and lists left out.
 *
 * @throws RangeError when the value is nested deeper than `maxDepth`.
 * @see https://www.twilio.com/docs/authy/api/validation
 */
export function canonicalParams(body: Record<string, Json>, escaping: Escaping = "rails", maxDepth = 16): string {
  return hashText(body, "", escaping, maxDepth);
}

/** The signed text of a flattened query (GET callbacks): decoded pairs, escaped again and sorted. */
export function canonicalPairs(pairs: Iterable<readonly [string, string]>, escaping: Escaping = "rails"): string {
  return Array.from(pairs, ([name, value]) => `${escape(name, escaping)}=${escape(value, escaping)}`)
    .sort(byBytes)
    .join("&");
}

/** @param prefix - The name so far, escaped already: brackets are escaped like everything else. */
function hashText(hash: Record<string, Json>, prefix: string, escaping: Escaping, depth: number): string {
  if (depth === 0) throw new RangeError("nested too deep");
  const texts: string[] = [];
  for (const [key, value] of Object.entries(hash)) {
    if (isEmptyContainer(value)) continue;
    const name = prefix === "" ? escape(key, escaping) : `${prefix}%5B${escape(key, escaping)}%5D`;
    const text = valueText(value, name, escaping, depth - 1);
    texts.push(text);
  }
  // Rails leaves list elements in the order of their members.
  return (prefix.includes("%5B%5D") ? texts : texts.sort(byBytes)).join("&");
}

function valueText(value: Json, name: string, escaping: Escaping, depth: number): string {
  if (Array.isArray(value)) {
    if (depth === 0) throw new RangeError("nested too deep");
    return value.map((element) => valueText(element, `${name}%5B%5D`, escaping, depth - 1)).join("&");
  }
  if (typeof value === "object" && value !== null) return hashText(value, name, escaping, depth);
  return `${name}=${value === null ? "" : escape(String(value), escaping)}`;
}

function isEmptyContainer(value: Json): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** What most keys and values are made of stays as it is. */
const PLAIN = /^[\w.-]*$/;

/** Form encoding as Ruby does it; encodeURIComponent leaves `!'()*` and writes blanks as %20. */
function escape(text: string, escaping: Escaping): string {
  if (PLAIN.test(text)) return text;
  const escaped = encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, "+");
  if (escaping === "raw-star") return escaped.replace(/%2A/g, "*");
  return escaping === "escaped-tilde" ? escaped.replace(/~/g, "%7E") : escaped;
}

/** Escaped text is plain ASCII, so that the order of code units is that of bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is signed of one callback. */
export interface SignedCallback {
  readonly nonce: string;
  readonly method: "GET" | "POST";
  /** Exactly as entered in the Authy console; never rebuilt from a request. */
  readonly url: string;
  /** The parsed body of a POST, or the decoded pairs of a GET. */
  readonly params: Record<string, Json> | ReadonlyMap<string, string>;
}

/**
 * True when the signature is that of the key over the callback, compared in constant time. Where the published facts
 * leave `*` and `~` open, each variant counts.
 */
export function hasGoodSignature(callback: SignedCallback, signature: string, apiKey: string): boolean {
  const given = Buffer.from(signature);
  const tried = new Set<string>();
  for (const escaping of ["rails", "raw-star", "escaped-tilde"] as const) {
    const params = textOf(callback.params, escaping);
    if (tried.has(params)) continue;
    tried.add(params);
    const text = `${callback.nonce}|${callback.method}|${callback.url}|${params}`;
    const expected = Buffer.from(createHmac("sha256", apiKey).update(text).digest("base64"));
    if (given.length === expected.length && timingSafeEqual(given, expected)) return true;
  }
  return false;
}

function textOf(params: SignedCallback["params"], escaping: Escaping): string {
  return params instanceof Map
    ? canonicalPairs(params as ReadonlyMap<string, string>, escaping)
    : canonicalParams(params as Record<string, Json>, escaping);
}
