import { connectionLine, followChallenge, lookAgain } from "./live-status.js";
import { minutes, runCountdown } from "./countdown.js";
import { keep, take } from "./tab-memory.js";
import { word } from "./words.js";

const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const finishForm = /** @type {HTMLFormElement | null} */ (document.querySelector("#finish"));
const statusLine = /** @type {HTMLElement | null} */ (document.querySelector("[data-status-line]"));
const icon = /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=icon]"));
const state = main.dataset["state"];
const typesCode = main.dataset["codeAsked"] === "yes";
const codeField = /** @type {HTMLInputElement | null} */ (document.querySelector("#match_code"));
const title = document.title;
const lastSeconds = word("last-seconds", { seconds: 30 });
const restingLine = statusLine?.textContent ?? "";

runCountdown(main, (secondsLeft) => {
  if (state !== "waiting" || main.dataset["state"] !== "waiting") return;
  moveRing(secondsLeft);
  document.title = document.hidden ? `${minutes(secondsLeft)} · ${title}` : title;
  if (secondsLeft === 30) say(lastSeconds);
  if (secondsLeft === 25 && statusLine?.textContent === lastSeconds) say(restingLine);
});

if (state === "approved" && !typesCode) finish();
if (state === "sending") setTimeout(() => lookAgain(main), 1500);
if (state === "failed")
  followChallenge(main, {
    typesCode: false,
    finish: () => (typesCode ? lookAgain(main) : finish()),
    changed: () => undefined,
  });
if (state === "waiting") {
  const codeIsGiven = takeBackCode();
  const happened = followChallenge(main, {
    typesCode: typesCode && !codeIsGiven,
    finish: () => {
      const headline = word(main.dataset["kind"] === "sign-in" ? "approved-sign-in" : "approved-going-on");
      statusLine?.classList.add("said");
      showApproved(headline, headline);
      finish();
    },
    changed: (now, was) => {
      if (now.phase === "approved" && was.phase === "waiting") askForCode();
      if (now.phase !== "waiting") return;
      if (connectionLine(now, restingLine) !== connectionLine(was, restingLine)) say(connectionLine(now, restingLine));
    },
  });
  codeField?.addEventListener("input", () => happened({ type: "code-taken-back" }));
  finishForm?.addEventListener("submit", keepCode);
}

/**
 * Whoever types the code first and approves then has pressed the button too early: the server can only say "not yet".
 * The code comes back with the page, and is sent again as soon as the phone approves.
 */
function keepCode() {
  if (codeField?.value) keep("code " + main.dataset["challengeId"], codeField.value);
}

/** @returns whether a code was given before that only waits for the approval. */
function takeBackCode() {
  const code = take("code " + main.dataset["challengeId"]);
  if (!codeField || !code || !location.search.includes("still=pending")) return false;
  codeField.value = code;
  return true;
}

/**
 * Second by second: an animation would draw the page anew for each frame, which takes a fifth of a core where no graphics
 * processor helps. Whoever asked for less motion keeps a ring that stands.
 *
 * @param {number} secondsLeft
 */
function moveRing(secondsLeft) {
  const total = Number(main.dataset["totalSeconds"]);
  if (!total || window.matchMedia?.("(prefers-reduced-motion: reduce)").matches) return;
  document.querySelector("[data-ring]")?.setAttribute("stroke-dashoffset", String(100 - (100 * secondsLeft) / total));
}

/** @param {string} text */
function say(text) {
  if (!statusLine || statusLine.textContent === text) return;
  statusLine.style.minHeight = `${statusLine.offsetHeight}px`; // a shorter line must not pull the page up
  statusLine.textContent = text;
}

/** By its button, as a person would: Safari knows requestSubmit only since version 16. */
function finish() {
  finishForm?.querySelector("button")?.click();
}

/**
 * @param {string} headline
 * @param {string} line
 */
function showApproved(headline, line) {
  main.dataset["state"] = "approved";
  document.querySelector(".seal")?.classList.replace("waiting", "approved");
  const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-headline]"));
  if (place) {
    place.style.minHeight = `${place.offsetHeight}px`; // a shorter headline must not pull the page up
    place.textContent = headline;
  }
  say(line);
  document.title = title.replace(/^.* ·/, headline + " ·");
  icon.href = new URL("mark-approved.svg", import.meta.url).href;
}

function askForCode() {
  showApproved(word("approved-on-phone"), word("type-digits"));
  const waysTitle = document.querySelector("[data-ways-title]");
  if (waysTitle) waysTitle.textContent = word("other-ways");
  if (document.activeElement === null || document.activeElement === document.body) codeField?.focus();
}
