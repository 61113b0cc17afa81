/** What the page asks the server. Every question is short, and an answer that is none is an error with a word. */
import { requestDigest, sha256OfText, signedTexts, base64url } from "./phone-texts.js";
import { keepCredential, signWith } from "./phone-keys.js";
import { makeCredential, unlock } from "./phone-lock.js";

/** @typedef {import("./phone-keys.js").Key} Key */
/**
 * @typedef {{ id: string, key?: string, message: string, details: [string, string][], code: string | null, expiresAt: string }} Request
 *   `key`: which of this phone's keys answers it; processes of the release before do not say.
 */
/** @typedef {{ key: string, username: string, subscription: { endpoint: string, vapid: string } | null }} Account */

const ANSWER_WITHIN_MS = 8000;
/** What is signed names the site by which this page was opened: a copy of it elsewhere signs another name. */
const ORIGIN = location.origin;

/** The server said no, or nothing. `status` 0: it could not be reached. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} word
   */
  constructor(status, word) {
    super(word);
    this.status = status;
    this.word = word;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
async function ask(method, path, body) {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), ANSWER_WITHIN_MS);
  try {
    const answer = await fetch(path, {
      method,
      cache: "no-store",
      signal: stop.signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refusal(answer.status, said.error ?? said.message ?? "");
    return said;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(0, "not reached");
  } finally {
    clearTimeout(late);
  }
}

/**
 * @param {string} secret
 * @returns {Promise<{ id: string, app: string, username: string, expiresAt: string }>}
 */
export function lookAtEnrolment(secret) {
  return ask("POST", "/phone/enrolment", { secret });
}

/**
 * @param {string} secret
 * @param {Key} key
 * @param {ArrayBuffer} spki
 * @param {string} label
 * @param {boolean} isUnlocked - whether the person will unlock each approval.
 * @throws NotUnlocked, and Refusal
 */
export async function claimEnrolment(secret, key, spki, label, isUnlocked) {
  const publicKey = base64url(spki);
  const text = signedTexts.enrolment(ORIGIN, key.enrolmentId, await sha256OfText(secret), publicKey, label);
  const claim = { secret, publicKey, label, signature: await signWith(key, text) };
  if (!isUnlocked) return void (await ask("PUT", "/phone/enrolment", claim));
  const credential = await makeCredential(text, key.username);
  // Kept first: from the claim on no approval counts without it.
  await keepCredential(key, credential.id);
  await ask("PUT", "/phone/enrolment", { ...claim, credential: credential.json });
}

/**
 * Shows which keys this phone holds. From then on it may read what waits for them.
 *
 * @param {readonly Key[]} keys
 * @returns {Promise<{ accounts: Account[], vapid: string | null }>}
 */
export async function openSession(keys) {
  const { nonce } = await ask("POST", "/phone/nonce", {});
  const proofs = await Promise.all(
    keys.map(async (key) => ({
      key: key.hash,
      signature: await signWith(key, signedTexts.open(ORIGIN, key.hash, nonce)),
    })),
  );
  return ask("POST", "/phone/session", { nonce, proofs });
}

/** @returns {Promise<{ requests: Request[] }>} */
export function readRequests() {
  return ask("GET", "/phone/requests");
}

/** @typedef {"waiting" | "approved" | "denied" | "expired" | "replaced" | "cancelled"} Outcome */

/**
 * What became of a request, and by whom.
 *
 * @param {string} id
 * @returns {Promise<{ message: string, username: string, outcome: Outcome, by: { isThis: boolean, label: string } | null }>}
 */
export function readOutcome(id) {
  return ask("GET", `/phone/requests/${id}`);
}

/**
 * Answers a request, over the digest of what was shown of it.
 *
 * @param {Key} key
 * @param {Request} shown
 * @param {"approve" | "deny" | "not-me"} decision
 * @returns {Promise<{ message: string }>}
 * @throws NotUnlocked, and Refusal
 */
export async function answerRequest(key, shown, decision) {
  const digest = await requestDigest(shown);
  const text = signedTexts.answer(ORIGIN, shown.id, key.hash, decision, digest);
  const signature = await signWith(key, text);
  const assertion =
    decision === "approve" && key.credentialId ? { assertion: await unlock(text, key.credentialId) } : {};
  return ask("POST", "/webhooks/phone", {
    challenge: shown.id,
    key: key.hash,
    decision,
    digest,
    signature,
    ...assertion,
  });
}

/**
 * @param {Key} key
 * @param {PushSubscription} subscription
 * @param {string} vapid
 */
export async function keepSubscription(key, subscription, vapid) {
  const { endpoint, keys } = subscription.toJSON();
  const where = { endpoint: endpoint ?? "", p256dh: keys?.["p256dh"] ?? "", auth: keys?.["auth"] ?? "" };
  const text = signedTexts.subscription(ORIGIN, key.hash, where.endpoint, where.p256dh, where.auth, vapid);
  await ask("PUT", "/phone/subscription", { key: key.hash, ...where, vapid, signature: await signWith(key, text) });
}

/** @param {Key} key */
export async function forgetSubscription(key) {
  const signature = await signWith(key, signedTexts.unsubscribe(ORIGIN, key.hash));
  await ask("DELETE", "/phone/subscription", { key: key.hash, signature });
}
