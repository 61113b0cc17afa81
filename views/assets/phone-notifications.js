/** Whether and how this phone is notified while its page is closed. */
import { forgetSubscription, keepSubscription } from "./phone-server.js";

/** @typedef {import("./phone-keys.js").Key} Key */
/** @typedef {import("./phone-server.js").Account} Account */
/** @typedef {"on" | "off" | "declined" | "impossible"} Notifying */

/** Trusted types let no other script be registered as a worker. */
const policy = /** @type {any} */ (window).trustedTypes?.createPolicy("phone-worker", {
  createScriptURL: () => "/phone/worker.js",
});

/** @returns {Promise<ServiceWorkerRegistration | undefined>} */
export async function registerWorker() {
  try {
    const script = policy ? policy.createScriptURL("") : "/phone/worker.js";
    return await navigator.serviceWorker?.register(script, { scope: "/phone/" });
  } catch {
    return undefined; // a browser that lets no worker in, as in private windows
  }
}

/**
 * @param {readonly Account[]} accounts
 * @param {string | null} vapid
 * @returns {Notifying}
 */
export function notifyingOf(accounts, vapid) {
  if (!("PushManager" in window) || !("Notification" in window) || vapid === null) return "impossible";
  if (Notification.permission === "denied") return "declined";
  return accounts.length > 0 && accounts.every(({ subscription }) => subscription !== null) ? "on" : "off";
}

/**
 * Subscribes with our key, anew where it was made with another one, and tells the server for every key that has not got it.
 *
 * @param {ServiceWorkerRegistration} registration
 * @param {readonly Key[]} keys
 * @param {readonly Account[]} accounts
 * @param {string} vapid
 */
export async function subscribe(registration, keys, accounts, vapid) {
  const manager = registration.pushManager;
  let subscription = await manager.getSubscription();
  if (subscription && !isMadeWith(subscription, vapid)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await manager.subscribe({ userVisibleOnly: true, applicationServerKey: vapid });
  for (const { key: hash, subscription: kept } of accounts) {
    const key = keys.find((each) => each.hash === hash);
    if (key && (kept?.endpoint !== subscription.endpoint || kept.vapid !== vapid))
      await keepSubscription(key, subscription, vapid);
  }
}

/**
 * @param {ServiceWorkerRegistration} registration
 * @param {readonly Key[]} keys
 */
export async function unsubscribe(registration, keys) {
  for (const key of keys) await forgetSubscription(key);
  await (await registration.pushManager.getSubscription())?.unsubscribe();
}

/**
 * @param {PushSubscription} subscription
 * @param {string} vapid
 */
function isMadeWith({ options }, vapid) {
  const made = options?.applicationServerKey;
  if (!made) return false;
  const text = btoa(String.fromCharCode(...new Uint8Array(made)))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
  return text.replace(/=+$/, "") === vapid;
}
