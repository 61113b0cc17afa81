/**
 * The keys of this phone, in IndexedDB. Their private halves cannot be exported, by this page either.
 *
 * @typedef {{ hash: string, enrolmentId: string, username: string, pair: CryptoKeyPair, credentialId?: string }} Key
 *   `credentialId`: of what has to be unlocked for each approval, where there is one.
 */
import { base64url, sha256 } from "./phone-texts.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
const STORE = "keys";

/** Why this browser can keep no key: private windows and Lockdown Mode refuse to. */
export class CannotKeepKeys extends Error {}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("countersign-phone", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "hash" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new CannotKeepKeys(String(request.error)));
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} ask
 * @returns {Promise<T>}
 */
async function inStore(mode, ask) {
  const database = await openDatabase();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(new CannotKeepKeys(String(transaction.error)));
    });
  } finally {
    database.close();
  }
}

/** @returns {Promise<Key[]>} */
export async function keptKeys() {
  try {
    return await inStore("readonly", (store) => store.getAll());
  } catch {
    return [];
  }
}

/** @param {string} hash */
export async function forgetKey(hash) {
  await inStore("readwrite", (store) => store.delete(hash));
}

/**
 * Notes by what approvals of a key are unlocked.
 *
 * @param {Key} key
 * @param {string} credentialId
 */
export async function keepCredential(key, credentialId) {
  await inStore("readwrite", (store) => store.put({ ...key, credentialId }));
}

/**
 * Makes a key, keeps it, reads it back and signs with what came back: only then is it known to last.
 *
 * @param {string} enrolmentId
 * @param {string} username
 * @returns {Promise<{ key: Key, spki: ArrayBuffer }>}
 * @throws CannotKeepKeys
 */
export async function makeKey(enrolmentId, username) {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const spki = await crypto.subtle.exportKey("spki", pair.publicKey);
  const hash = await sha256(new Uint8Array(spki));
  try {
    await inStore("readwrite", (store) => store.put({ hash, enrolmentId, username, pair }));
  } catch (error) {
    throw new CannotKeepKeys(String(error)); // DataCloneError: a key that cannot be stored
  }
  const key = (await keptKeys()).find((each) => each.hash === hash);
  if (!key) throw new CannotKeepKeys("the key did not come back");
  const text = new TextEncoder().encode("countersign-test-v1\n");
  const signature = await crypto.subtle.sign(SIGNATURE, key.pair.privateKey, text);
  if (!(await crypto.subtle.verify(SIGNATURE, key.pair.publicKey, signature, text)))
    throw new CannotKeepKeys("the key does not sign");
  // Nobody waits for it: Firefox asks the person first. A key that is not kept for good is still a key.
  void navigator.storage?.persist?.().catch(() => false);
  return { key, spki };
}

/**
 * @param {Key} key
 * @param {Uint8Array<ArrayBuffer>} text
 */
export async function signWith(key, text) {
  return base64url(await crypto.subtle.sign(SIGNATURE, key.pair.privateKey, text));
}
