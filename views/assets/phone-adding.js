/** Adding this phone to an account: by the secret of a QR code, scanned or typed. */
import { CannotKeepKeys, forgetKey, makeKey } from "./phone-keys.js";
import { canUnlock, NotUnlocked } from "./phone-lock.js";
import { button, element, focusTop, page, paragraph, say, showState } from "./phone-place.js";
import { claimEnrolment, lookAtEnrolment, openSession } from "./phone-server.js";
import { comparisonDigits } from "./phone-texts.js";

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
    else say("That are not the 16 letters: they stand below the QR code, in four groups of four.");
  }
  return element(
    "form",
    { submit },
    element("div", { class: "field" }, element("label", { for: "letters" }, "The letters below the code"), field),
    element("p", { class: "actions" }, element("button", {}, "Go on")),
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
    `Add this phone to ${username}?`,
    paragraph(`From then on ${app} asks here when somebody signs in as ${username}.`),
    isUnlocked
      ? paragraph("Each approval will ask for this phone’s fingerprint, face or PIN, and so does adding it.")
      : null,
    element(
      "div",
      { class: "actions" },
      button("Add this phone", () => void claim({ secret, id, username, isUnlocked, done }), ""),
      button("Not now", done),
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
  say("Making a key…");
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
    "Compare the digits",
    paragraph("The other screen must show the same six. Confirm there."),
    element("p", { class: "figures", "data-digits": true, "aria-label": [...digits].join(" ") }, digits),
    element(
      "div",
      { class: "actions" },
      button("They differ: cancel", () => void stop(), "plain"),
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
    "First put this page on your Home Screen",
    paragraph("Only from there an iPhone can ask you. Tap Share, then Add to Home Screen."),
    paragraph("Open it from the Home Screen and scan or type the code there."),
    element("div", { class: "actions" }, button("Back", done)),
  );
}

/** @type {(isOver: boolean, done: () => void) => void} */
function showNoCode(isOver, done) {
  showState(
    "no-code",
    isOver ? "This code is no longer good" : "That did not work",
    paragraph(
      isOver
        ? "It ran out, or a phone has used it. Make a new code on the other screen."
        : "The server could not be reached. Try again in a moment.",
    ),
    element("div", { class: "actions" }, button("Back", done)),
  );
  focusTop();
}

/** @param {Adding} adding */
function showNotUnlocked(adding) {
  const isOptional = page.verification === "preferred";
  showState(
    "not-unlocked",
    "This phone was not unlocked",
    paragraph("Nothing was added yet."),
    element(
      "div",
      { class: "actions" },
      button("Try again", () => void claim(adding), ""),
      isOptional ? button("Add it without", () => void claim({ ...adding, isUnlocked: false })) : null,
      button("Not now", adding.done, "plain"),
    ),
  );
  focusTop();
}

/** @param {() => void} done */
function showNoLock(done) {
  showState(
    "no-lock",
    "This phone has no lock to ask for",
    paragraph(
      `${page.app} asks for fingerprint, face or PIN before each approval. Set up a screen lock, then try again.`,
    ),
    element("div", { class: "actions" }, button("Back", done)),
  );
  focusTop();
}

/** @param {() => void} done */
function showCannotKeep(done) {
  showState(
    "cannot-keep",
    "This window can keep no key",
    paragraph(
      "Private windows and Lockdown Mode do not let a page keep one. Open it in an ordinary window, or use a passkey.",
    ),
    element("div", { class: "actions" }, button("Back", done)),
  );
  focusTop();
}
