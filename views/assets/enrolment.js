import { followChallenge, lookAgain } from "./live-status.js";
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
    if (!now.online && was.online) say("You are offline. We go on when you are back.");
    if (now.online && !was.online) say("You are back. Looking…");
    if (now.link === "asking" && was.link === "live") say("Reconnecting…");
    if (now.link === "live" && was.link !== "live") say(restingLine);
  },
});

/** @param {string} text */
function say(text) {
  if (statusLine && statusLine.textContent !== text) statusLine.textContent = text;
}
