/** The sandbox's clock, which may be skewed on purpose: the page counts by it, not by its own. */
let aheadMs = 0;

/** @param {string} now - what the sandbox's clock shows at this moment */
export function setClock(now) {
  aheadMs = Date.parse(now) - Date.now();
}

/** @returns {number} milliseconds since 1970 by the sandbox's clock */
export const sandboxNow = () => Date.now() + aheadMs;

/** @param {string} end */
export const secondsUntil = (end) => Math.max(0, Math.ceil((Date.parse(end) - sandboxNow()) / 1000));

/** `1:48`, or `2 h 5 min` for more than an hour */
export function countdown(seconds) {
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** `10:42`, in the reader's own way of writing */
export const clockTime = (time) => new Date(time).toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
