/** Adding this phone to an account: by the secret of a QR code, scanned or typed. */
import { CannotKeepKeys, forgetKey, makeKey } from "./phone-keys.js";
import { canUnlock, NotUnlocked } from "./phone-lock.js";
import { button, element, focusTop, page, paragraph, say, showState } from "./phone-place.js";
import { claimEnrolment, lookAtEnrolment, openSession } from "./phone-server.js";
import { comparisonDigits } from "./phone-texts.js";
import { word } from "./words.js";

const LOOK_EVERY_MS = 1500;

/** An iPhone's tab can neither be notified nor keep keys for long; the page on its home screen can, and shares nothing with it. */
function isTabOfIphone() {
  return /** @type {any} */ (navigator).standalone === false;
}

/**
 * The secret in the address, which is cleared at once: nobody who looks at the screen or the history finds it.
 *
 * @returns {string}
 */
export function takeSecret() {
  const [, secret = ""] = /^#add=([A-Z2-7]{16})$/.exec(location.hash) ?? [];
  if (secret) history.replaceState(null, "", location.pathname);
  return secret;
}

/**
 * Offers to type the letters below a QR code.
 *
 * @param {(secret: string) => void} found
 */
export function typingForm(found) {
  const field = /** @type {HTMLInputElement} */ (
    element("input", {
      id: "letters",
      autocomplete: "off",
      autocapitalize: "characters",
      spellcheck: "false",
      maxlength: "24",
      required: true,
    })
  );
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const letters = field.value.toUpperCase().replace(/[\s-]/g, "");
    if (/^[A-Z2-7]{16}$/.test(letters)) found(letters);
    else say(word("not-letters"));
  }
  return element(
    "form",
    { submit },
    element("div", { class: "field" }, element("label", { for: "letters" }, word("letters")), field),
    element("p", { class: "actions" }, element("button", { class: "secondary" }, word("go-on"))),
  );
}

/**
 * Asks whether this phone may be added, and adds it.
 *
 * @param {string} secret
 * @param {() => void} done - called when there is nothing more to do here.
 */
export async function addPhone(secret, done) {
  if (isTabOfIphone()) return showHomeScreen(done);
  let enrolment;
  try {
    enrolment = await lookAtEnrolment(secret);
  } catch (error) {
    return showNoCode(/** @type {{ status?: number }} */ (error).status === 404, done);
  }
  const { id, app, username } = enrolment;
  const isUnlocked = page.verification !== "off" && (await canUnlock());
  if (page.verification === "required" && !isUnlocked) return showNoLock(done);
  showState(
    "adding",
    word("add", { username }),
    paragraph(word("add-explain", { app, username })),
    isUnlocked ? paragraph(word("add-unlocked")) : null,
    element(
      "div",
      { class: "actions" },
      button(word("add-this"), () => void claim({ secret, id, username, isUnlocked, done }), ""),
      button(word("not-now"), done),
    ),
  );
  focusTop();
}

/**
 * @typedef {object} Adding
 * @property {string} secret
 * @property {string} id - the enrolment's.
 * @property {string} username
 * @property {boolean} isUnlocked - whether each approval will be unlocked.
 * @property {() => void} done
 */

/** @param {Adding} adding */
async function claim(adding) {
  const { secret, id: enrolmentId, username, isUnlocked, done } = adding;
  say(word("making-key"));
  let made;
  try {
    made = await makeKey(enrolmentId, username);
    await claimEnrolment(secret, made.key, made.spki, page.label, isUnlocked);
  } catch (error) {
    if (made) await forgetKey(made.key.hash).catch(() => undefined);
    if (error instanceof NotUnlocked) return showNotUnlocked(adding);
    if (error instanceof CannotKeepKeys) return showCannotKeep(done);
    return showNoCode([404, 409].includes(/** @type {any} */ (error).status), done);
  }
  await waitForConfirmation(made.key, await comparisonDigits(enrolmentId, made.spki), done);
}

/** @type {(key: import("./phone-keys.js").Key, digits: string, done: () => void) => Promise<void>} */
async function waitForConfirmation(key, digits, done) {
  let isWaiting = true;
  const stop = async () => {
    isWaiting = false;
    await forgetKey(key.hash);
    done();
  };
  showState(
    "comparing",
    word("compare"),
    paragraph(word("compare-explain")),
    element("p", { class: "figures", "data-digits": true, "aria-label": [...digits].join(" ") }, digits),
    element(
      "div",
      { class: "actions" },
      button(word("differ"), () => void stop(), "plain"),
    ),
  );
  focusTop();
  while (isWaiting) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    if (!isWaiting) return;
    const accounts = await openSession([key]).then(
      (answer) => answer.accounts,
      () => [],
    );
    if (accounts.length > 0) {
      isWaiting = false;
      done();
    }
  }
}

/** @param {() => void} done */
function showHomeScreen(done) {
  showState(
    "home-screen",
    word("home-screen"),
    paragraph(word("home-screen-share")),
    paragraph(word("home-screen-open")),
    element("div", { class: "actions" }, button(word("back"), done)),
  );
}

/** @type {(isOver: boolean, done: () => void) => void} */
function showNoCode(isOver, done) {
  showState(
    "no-code",
    word(isOver ? "code-over" : "did-not-work"),
    paragraph(word(isOver ? "code-over-explain" : "away")),
    element("div", { class: "actions" }, button(word("back"), done)),
  );
  focusTop();
}

/** @param {Adding} adding */
function showNotUnlocked(adding) {
  const isOptional = page.verification === "preferred";
  showState(
    "not-unlocked",
    word("not-unlocked"),
    paragraph(word("nothing-added")),
    element(
      "div",
      { class: "actions" },
      button(word("try-again"), () => void claim(adding), ""),
      isOptional ? button(word("add-without"), () => void claim({ ...adding, isUnlocked: false })) : null,
      button(word("not-now"), adding.done, "plain"),
    ),
  );
  focusTop();
}

/** @param {() => void} done */
function showNoLock(done) {
  showState(
    "no-lock",
    word("no-lock"),
    paragraph(word("no-lock-explain", { app: page.app })),
    element("div", { class: "actions" }, button(word("back"), done)),
  );
  focusTop();
}

/** @param {() => void} done */
function showCannotKeep(done) {
  showState(
    "cannot-keep",
    word("cannot-keep"),
    paragraph(word("cannot-keep-explain")),
    element("div", { class: "actions" }, button(word("back"), done)),
  );
  focusTop();
}
