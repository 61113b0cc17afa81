/** The page of a phone: what waits is shown at once, the newest first; else the accounts of this phone and its notifications. */
import { addPhone, takeSecret, typingForm } from "./phone-adding.js";
import { scanOffer } from "./phone-camera.js";
import { keptKeys } from "./phone-keys.js";
import { notifyingOf, registerWorker, subscribe, unsubscribe } from "./phone-notifications.js";
import { button, element, focusTop, paragraph, say, showState } from "./phone-place.js";
import { showEnded, showRequest } from "./phone-request.js";
import { openSession, readRequests, Refusal } from "./phone-server.js";
import { word } from "./words.js";

/** @typedef {import("./phone-keys.js").Key} Key */
/** @typedef {import("./phone-server.js").Account} Account */

const AGAIN_MS = 3000;
/** The session is opened again well before its cookie ends. */
const SESSION_MS = 6 * 3_600_000;

const worker = registerWorker();
/** @type {{ keys: readonly Key[], accounts: readonly Account[], vapid: string | null, openedAt: number }} */
let session = { keys: [], accounts: [], vapid: null, openedAt: 0 };
/** @type {EventSource | undefined} */
let stream;
/** The request on the screen; answered ones stay until the person goes on. */
let current = "";
let isBusy = false;
/** The outcome of an answer is on the screen: it stays until the person goes on, or something new comes. */
let isResting = false;
/** Named by the action "Deny" of a notification: its page begins with the question why. */
let denied = "";
/** Named by the notification that was tapped: where it waits no more, the page says what became of it. */
let tapped = "";

navigator.serviceWorker?.addEventListener("message", ({ data }) => {
  if (data?.denies) denied = data.id ?? "";
  tapped = data?.id ?? "";
  void look();
});
window.addEventListener("hashchange", () => void start());
window.addEventListener("online", () => void look());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void look();
});
void start();

async function start() {
  const [, action, id = ""] = /^#(deny|request)=([\w-]+)$/.exec(location.hash) ?? [];
  if (id) history.replaceState(null, "", location.pathname);
  denied = action === "deny" ? id : "";
  tapped = id;
  const secret = takeSecret();
  if (!secret) return void (await showPhone());
  isBusy = true;
  await addPhone(secret, afterAdding);
}

function afterAdding() {
  isBusy = false;
  session.openedAt = 0;
  void showPhone();
}

async function showPhone() {
  current = "";
  isResting = false;
  const keys = await keptKeys();
  if (keys.length === 0) return showEmpty();
  await look();
}

function showEmpty() {
  showState("empty", word("empty"), paragraph(word("empty-explain")), ...waysToAdd());
}

/** The code of the other screen, by camera, picture or letters. */
function waysToAdd() {
  /** @param {string} secret */
  function found(secret) {
    isBusy = true;
    void addPhone(secret, afterAdding);
  }
  const begins = () => {
    isBusy = true;
  };
  return [scanOffer({ begins, found, done: afterAdding }), typingForm(found)];
}

function showAnother() {
  isBusy = true;
  showState("another", word("add-another"), ...waysToAdd(), element("p", {}, button(word("back"), afterAdding)));
  focusTop();
}

/** Looks for what waits, unless the person is in the middle of something. */
async function look() {
  if (isBusy) return;
  try {
    if (!(await isOpen())) return;
    const { requests } = await readRequests();
    follow();
    const [newest] = requests;
    // What was on the screen is over without an answer of this page.
    const over = isResting ? "" : current;
    if (newest === undefined) return over || tapped ? await showOver(over || tapped) : showNothing();
    const { id } = newest;
    const denies = id === denied;
    denied = "";
    if (id === current && !denies) return;
    current = id;
    isResting = false;
    tapped = "";
    showRequest(newest, {
      keys: session.keys,
      more: requests.length - 1,
      isCurrent: () => current === id,
      denies,
      answered: () => {
        isResting = true;
      },
      next: () => void showPhone(),
    });
    if (over) say(word("other-over"));
  } catch (error) {
    lost(/** @type {Refusal} */ (error));
  }
}

/** @param {string} id */
async function showOver(id) {
  isResting = true;
  tapped = "";
  await showEnded(id, () => void showPhone());
}

/** @returns {Promise<boolean>} whether this phone may read what waits for it. */
async function isOpen() {
  if (Date.now() - session.openedAt < SESSION_MS) return true;
  const keys = await keptKeys();
  if (keys.length === 0) return false;
  session = { keys, ...(await openSession(keys)), openedAt: Date.now() };
  return true;
}

function follow() {
  if (stream && stream.readyState !== EventSource.CLOSED) return;
  const opened = (stream = new EventSource("/phone/events"));
  opened.addEventListener("change", () => void look());
  opened.addEventListener("error", () => {
    // A browser gives up for good on any answer that is no stream: then we look from time to time.
    if (opened === stream && opened.readyState === EventSource.CLOSED) setTimeout(() => void look(), AGAIN_MS);
  });
}

/** @param {Refusal} refusal */
function lost({ status }) {
  if (status === 401) {
    const wasOpen = session.openedAt > 0;
    session.openedAt = 0;
    stream?.close();
    if (wasOpen) return void look();
    return showRemoved();
  }
  say(word(navigator.onLine ? "reconnecting" : "offline"));
  setTimeout(() => void look(), AGAIN_MS);
}

function showRemoved() {
  showState("removed", word("cannot-answer"), paragraph(word("removed-explain")), ...waysToAdd());
}

function showNothing() {
  if (isResting) return;
  current = "";
  const { accounts, vapid } = session;
  const notifying = notifyingOf(accounts, vapid);
  showState(
    "nothing",
    word("nothing"),
    element(
      "ul",
      { class: "accounts", "aria-label": word("accounts") },
      ...accounts.map(({ username }) => element("li", {}, element("bdi", {}, username))),
    ),
    notifications(notifying),
    element("p", { class: "actions" }, button(word("add-another"), showAnother, "plain")),
  );
}

/** @param {import("./phone-notifications.js").Notifying} notifying */
function notifications(notifying) {
  const said = { on: "notified", off: "not-notified", declined: "blocked", impossible: "impossible" }[notifying];
  const change =
    notifying === "off"
      ? button(word("notify-me"), () => void turnOn(), "")
      : notifying === "on"
        ? button(word("no-notifications"), () => void turnOff(), "plain")
        : null;
  return element(
    "section",
    { "aria-label": word("notifications") },
    paragraph(word(said), { "data-notifying": notifying }),
    change,
  );
}

async function turnOn() {
  const registration = await worker;
  const { keys, accounts, vapid } = session;
  if (!registration || vapid === null) return say(word("takes-none"));
  if ((await Notification.requestPermission()) !== "granted") return reopen();
  try {
    await subscribe(await navigator.serviceWorker.ready, keys, accounts, vapid);
  } catch {
    say(word("not-switched-on"));
    return;
  }
  await reopen();
}

async function turnOff() {
  const registration = await worker;
  if (registration) await unsubscribe(registration, session.keys).catch(() => undefined);
  await reopen();
}

async function reopen() {
  session.openedAt = 0;
  await look();
  focusTop();
}
