import { word } from "./words.js";

/**
 * Keeps the figures of a waiting page true, by the reader's own clock from the moment of loading: no two clocks are compared.
 *
 * @param {HTMLElement} main - carries data-seconds-left.
 * @param {(secondsLeft: number) => void} [each] - called on every tick.
 */
export function runCountdown(main, each) {
  const loadedAt = Date.now();
  const secondsLeft = Number(main.dataset["secondsLeft"]) || 0;
  tick();
  const timer = setInterval(tick, 500);

  function tick() {
    const passed = Math.floor((Date.now() - loadedAt) / 1000);
    const left = Math.max(0, secondsLeft - passed);
    for (const place of main.querySelectorAll("[data-countdown]")) write(place, minutes(left));
    for (const place of main.querySelectorAll("[data-since]")) {
      const seconds = Number(/** @type {HTMLElement} */ (place).dataset["since"]) + passed;
      write(place, word("seconds", { seconds }));
    }
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (main.querySelectorAll("[data-resend-in]"))) {
      const wait = Number(button.dataset["resendIn"]) - passed;
      if (button.form?.dataset["sent"]) continue;
      button.disabled = wait > 0;
      const label = button.dataset["label"] ?? "";
      write(button, wait > 0 ? word("resend-in", { label, seconds: wait }) : label);
    }
    each?.(left);
  }

  return () => clearInterval(timer);
}

/** @param {number} seconds */
export function minutes(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * @param {Element} place
 * @param {string} text
 */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
