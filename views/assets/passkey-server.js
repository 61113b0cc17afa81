/** What scripts ask the server about passkeys: JSON both ways, with the page's own token. */

import { word } from "./words.js";

const ANSWER_WITHIN_MS = 10_000;

/** The server said no; its words are for the person. */
export class Refused extends Error {}

/**
 * @param {string} path
 * @param {string} csrf
 * @param {unknown} body
 * @returns {Promise<any>}
 */
export async function askServer(path, csrf, body) {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), ANSWER_WITHIN_MS);
  try {
    const answer = await fetch(path, {
      method: "POST",
      cache: "no-store",
      redirect: "manual",
      signal: stop.signal,
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(body),
    });
    // Signed out meanwhile, or a page of another visit: the page itself knows how to go on.
    if (answer.type === "opaqueredirect" || answer.status === 403) return { location: location.href };
    const said = await answer.json();
    if (!answer.ok) throw new Refused(said.message ?? said.error ?? word("away"));
    return said;
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused(word("away"));
  } finally {
    clearTimeout(late);
  }
}
