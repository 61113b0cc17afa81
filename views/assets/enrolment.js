import { connectionLine, followChallenge, lookAgain } from "./live-status.js";
import { minutes, runCountdown } from "./countdown.js";

const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const statusLine = document.querySelector("[data-status-line]");
const title = document.title;
const restingLine = statusLine?.textContent ?? "";

runCountdown(main, (secondsLeft) => {
  document.title = document.hidden ? `${minutes(secondsLeft)} · ${title}` : title;
});

followChallenge(main, {
  typesCode: false,
  finish: () => lookAgain(main),
  changed: (now, was) => {
    if (now.phase !== "waiting") return;
    if (connectionLine(now, restingLine) !== connectionLine(was, restingLine)) say(connectionLine(now, restingLine));
  },
});

/** @param {string} text */
function say(text) {
  if (statusLine && statusLine.textContent !== text) statusLine.textContent = text;
}
