import { keep, take } from "./tab-memory.js";
import { start, step } from "./waiting-machine.js";
import { word } from "./words.js";

/** @typedef {import("./waiting-machine.js").State} State */
/** @typedef {import("./waiting-machine.js").Status} Status */
/** @typedef {import("./waiting-machine.js").Effect} Effect */
/** @typedef {import("./waiting-machine.js").Happening} Happening */

const ANSWER_WITHIN_MS = 4000;
/** A page that reloads into the same state must not do so in a circle without pause. */
const LOOK_AGAIN_AT_MOST_EVERY_MS = 3000;

/**
 * Runs the waiting machine on the challenge that `main` names: stream, questions, timers, and the browser's comings and goings.
 *
 * @param {HTMLElement} main - carries data-challenge-id, data-page, data-events, data-status and data-seconds-left.
 * @param {{ typesCode: boolean, finish: () => void, changed: (state: State, was: State) => void }} page
 * @returns {(event: Happening) => void} tells the machine what only the page can know.
 */
export function followChallenge(main, { typesCode, finish, changed }) {
  const { events, status, challengeId } = main.dataset;
  if (!events || !status || !challengeId) return () => undefined;

  /** @type {EventSource | undefined} */
  let stream;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  const timers = new Map();
  let [state, effects] = start({
    at: Date.now(),
    online: navigator.onLine,
    secondsLeft: Number(main.dataset["secondsLeft"]),
    typesCode,
    shown: /** @type {Status} */ (main.dataset["shown"] ?? "pending"),
  });
  effects.forEach(run);

  window.addEventListener("offline", () => happened({ type: "offline" }));
  window.addEventListener("online", () => happened({ type: "online" }));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") happened({ type: "shown" });
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) happened({ type: "restored" });
  });
  window.addEventListener("pagehide", () => stream?.close());
  return happened;

  /** @param {Happening} event */
  function happened(event) {
    const was = state;
    [state, effects] = step(state, event, Date.now());
    changed(state, was);
    effects.forEach(run);
  }

  /** @param {Effect} effect */
  function run(effect) {
    switch (effect.do) {
      case "open-stream":
        return openStream();
      case "close-stream":
        return stream?.close();
      case "ask":
        return void ask();
      case "timer":
        clearTimeout(timers.get(effect.name));
        return void timers.set(
          effect.name,
          setTimeout(() => happened({ type: "timer", name: effect.name }), effect.ms),
        );
      case "stop-timers":
        return timers.forEach((timer) => clearTimeout(timer));
      case "finish":
        return finish();
      case "reload":
        return lookAgain(main);
    }
  }

  function openStream() {
    stream?.close();
    const opened = newStream();
    stream = opened;
    if (!opened) return void setTimeout(() => happened({ type: "stream-error", gaveUp: true }));
    opened.addEventListener("status", (event) => {
      if (opened !== stream) return;
      const said = statusIn(parsed(event.data));
      if (said) happened({ type: "status", status: said, via: "stream" });
    });
    opened.addEventListener("error", () => {
      if (opened === stream) happened({ type: "stream-error", gaveUp: opened.readyState === EventSource.CLOSED });
    });
  }

  /** @returns nothing in a browser that has no event streams, or does not let us open one. */
  function newStream() {
    try {
      return new EventSource(/** @type {string} */ (events));
    } catch {
      return undefined;
    }
  }

  async function ask() {
    if (!("fetch" in window)) return askByLoading();
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), ANSWER_WITHIN_MS);
    try {
      const answer = await fetch(/** @type {string} */ (status), {
        headers: { Accept: "application/json" },
        cache: "no-store",
        redirect: "manual",
        signal: stop.signal,
      });
      const said = answer.ok ? statusIn(await answer.json()) : undefined;
      if (said) return happened({ type: "status", status: said, via: "answer" });
      const httpStatus = answer.type === "opaqueredirect" ? 303 : answer.status;
      happened({
        type: "no-answer",
        httpStatus,
        retryAfterMs: 1000 * (Number(answer.headers.get("Retry-After")) || 0),
      });
    } catch {
      happened({ type: "no-answer", httpStatus: 0, retryAfterMs: 0 });
    } finally {
      clearTimeout(late);
    }
  }

  /** Without fetch only the page itself can be asked: where no stream speaks, and nothing is typed that would be lost. */
  function askByLoading() {
    setTimeout(() => {
      const typed = /** @type {HTMLInputElement | null} */ (main.querySelector("input:not([type=hidden])"))?.value;
      if (state.link === "live" || typed) happened({ type: "status", status: "pending", via: "answer" });
      else lookAgain(main);
    }, LOOK_AGAIN_AT_MOST_EVERY_MS);
  }
}

/**
 * What to say of the connection.
 *
 * @param {State} state
 * @param {string} restingLine - when all is well.
 */
export function connectionLine({ online, reached }, restingLine) {
  if (reached) return restingLine;
  return word(online ? "reconnecting" : "offline");
}

/**
 * @param {unknown} message
 * @returns {Status | undefined}
 */
function statusIn(message) {
  if (typeof message !== "object" || message === null || !("status" in message)) return undefined;
  return /** @type {Status} */ (message.status);
}

/** @param {string} text */
function parsed(text) {
  try {
    return /** @type {unknown} */ (JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * Loads the page anew, at its own address: the answer to a refused form stands at another one, and would be sent again.
 *
 * @param {HTMLElement} main - carries data-page.
 */
export function lookAgain(main) {
  const key = "looked again " + (main.dataset["challengeId"] ?? "");
  const last = Number(take(key)) || 0;
  const loaded = Date.now() - performance.now();
  // A tab that cannot remember when it looked last knows at least how long this page has been there.
  const since = keep(key, String(last)) ? last : loaded;
  setTimeout(
    () => {
      keep(key, String(Date.now()));
      location.replace(main.dataset["page"] ?? location.href);
    },
    Math.max(0, since + LOOK_AGAIN_AT_MOST_EVERY_MS - Date.now()),
  );
}
