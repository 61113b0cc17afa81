/**
 * What a page that waits for a phone does, without a browser: what happened goes in, what to do comes out.
 * live-status.js gives it timers, a stream and answers; the tests give it only words.
 *
 * @typedef {"pending" | "claimed" | "approved" | "completed" | "denied" | "expired" | "cancelled" | "failed"} Status
 *
 * @typedef {object} State
 * @property {"waiting" | "approved" | "leaving"} phase - approved: the phone said yes and the person still types the code.
 * @property {"opening" | "live" | "asking"} link - how we learn of a change: a stream not yet heard, a stream, or asking.
 * @property {boolean} online - what the browser believes.
 * @property {boolean} reached - the last that we heard of the server was an answer, not silence.
 * @property {boolean} streamOpen - an EventSource exists that may speak (again).
 * @property {boolean} inFlight - a question has gone out and has no answer yet.
 * @property {number} askedAt - when the last question went out, ms.
 * @property {Status} shown - what the page says now: anything else is told by a new one.
 * @property {boolean} typesCode - the person must still give the code of the phone, so the page does not go on by itself.
 *
 * @typedef {{ type: "status", status: Status, via: "stream" | "answer" }
 *   | { type: "stream-error", gaveUp: boolean }
 *   | { type: "no-answer", httpStatus: number, retryAfterMs: number }
 *   | { type: "timer", name: TimerName }
 *   | { type: "offline" } | { type: "online" } | { type: "shown" } | { type: "restored" } | { type: "code-taken-back" }} Happening
 *
 * @typedef {"silence" | "ask" | "longest"} TimerName
 *
 * @typedef {{ do: "open-stream" } | { do: "close-stream" } | { do: "ask" } | { do: "finish" } | { do: "reload" }
 *   | { do: "timer", name: TimerName, ms: number } | { do: "stop-timers" }} Effect
 */

/** A stream that has not spoken after this long is taken for blocked. */
export const SILENCE_MS = 2000;
/** Pause between two questions while no stream works. */
export const ASK_MS = 1500;
/** Pause between two questions while the stream works: a stream can also freeze after its first event. */
export const CHECK_MS = 15_000;
/** Pause between two questions while the browser says that it is offline. */
export const OFFLINE_ASK_MS = 5000;
/** The server refuses questions that come faster than this. */
export const ASK_AT_MOST_EVERY_MS = 1000;
/** After the request has run out, how long until the page stops and asks the server for itself. */
export const LONGEST_AFTER_END_MS = 30_000;

/** The server is there and well, but too many tabs ask it. */
const TOO_MANY = 429;

/** @type {readonly Status[]} */
const YES = ["approved"];

/**
 * @param {{ at: number, online: boolean, secondsLeft: number, typesCode: boolean, shown?: Status }} page - `at` in ms.
 * @returns {[State, Effect[]]}
 */
export function start({ at, online, secondsLeft, typesCode, shown = "pending" }) {
  const askedAt = at - ASK_AT_MOST_EVERY_MS;
  /** @type {State} */
  const state = {
    phase: "waiting",
    link: "opening",
    online,
    reached: online,
    streamOpen: true,
    inFlight: false,
    askedAt,
    shown,
    typesCode,
  };
  return [
    state,
    [
      { do: "timer", name: "longest", ms: secondsLeft * 1000 + LONGEST_AFTER_END_MS },
      { do: "open-stream" },
      { do: "timer", name: "silence", ms: SILENCE_MS },
    ],
  ];
}

/**
 * @param {State} state
 * @param {Happening} event
 * @param {number} at - now, ms.
 * @returns {[State, Effect[]]} the next state and what to do, in this order.
 */
export function step(state, event, at) {
  if (event.type === "restored") return leave(state, "reload"); // out of the back-forward cache: the server knows better
  if (event.type === "code-taken-back") return [{ ...state, typesCode: true }, []]; // it is being typed anew
  if (state.phase !== "waiting") return [state, []];
  switch (event.type) {
    case "status":
      return heard(state, event.status, event.via, at);
    case "stream-error":
      return ask({ ...state, link: "asking", streamOpen: state.streamOpen && !event.gaveUp }, at);
    case "no-answer":
      return unanswered({ ...state, inFlight: false, reached: event.httpStatus === TOO_MANY }, event);
    case "timer":
      return timer(state, event.name, at);
    case "offline":
      return [{ ...state, online: false, reached: false }, []]; // only a hint: browsers say it of machines that reach us
    case "online":
      return online(state, at);
    case "shown":
      return ask(state, at); // timers and streams sleep in a hidden tab or a closed laptop
  }
}

/** @type {(state: State, status: Status, via: "stream" | "answer", at: number) => [State, Effect[]]} */
function heard(state, status, via, at) {
  if (YES.includes(status)) {
    if (!state.typesCode) return leave(state, "finish");
    return [
      { ...state, phase: "approved", streamOpen: false, inFlight: false },
      [{ do: "close-stream" }, { do: "stop-timers" }],
    ];
  }
  if (status !== state.shown) return leave(state, "reload"); // the server's page says what it means
  const next =
    via === "stream"
      ? { ...state, reached: true, link: /** @type {const} */ ("live") }
      : { ...state, reached: true, inFlight: false };
  return [next, [{ do: "timer", name: "ask", ms: next.link === "live" ? CHECK_MS : ASK_MS }]];
}

/** @type {(state: State, event: { httpStatus: number, retryAfterMs: number }) => [State, Effect[]]} */
function unanswered(state, { httpStatus, retryAfterMs }) {
  const gone = httpStatus >= 300 && httpStatus < 500 && httpStatus !== 408 && httpStatus !== TOO_MANY;
  if (gone) return leave(state, "reload"); // signed out, or no longer ours
  return [state, [{ do: "timer", name: "ask", ms: Math.max(retryAfterMs, state.online ? ASK_MS : OFFLINE_ASK_MS) }]];
}

/** @type {(state: State, name: TimerName, at: number) => [State, Effect[]]} */
function timer(state, name, at) {
  if (name === "longest")
    return state.online ? leave(state, "reload") : [state, [{ do: "timer", name, ms: LONGEST_AFTER_END_MS }]];
  if (name === "silence" && state.link !== "opening") return [state, []];
  return ask(name === "silence" ? { ...state, link: "asking" } : state, at);
}

/** @type {(state: State, at: number) => [State, Effect[]]} */
function online(state, at) {
  const [asked, effects] = ask({ ...state, online: true, reached: false, link: "opening", streamOpen: true }, at);
  return [asked, [{ do: "open-stream" }, { do: "timer", name: "silence", ms: SILENCE_MS }, ...effects]];
}

/** @type {(state: State, at: number) => [State, Effect[]]} */
function ask(state, at) {
  if (state.inFlight) return [state, []];
  const wait = state.askedAt + ASK_AT_MOST_EVERY_MS - at;
  if (wait > 0) return [state, [{ do: "timer", name: "ask", ms: wait }]];
  return [{ ...state, inFlight: true, askedAt: at }, [{ do: "ask" }]];
}

/** @type {(state: State, how: "finish" | "reload") => [State, Effect[]]} */
function leave(state, how) {
  return [
    { ...state, phase: "leaving", streamOpen: false, inFlight: false },
    [{ do: "close-stream" }, { do: "stop-timers" }, { do: how }],
  ];
}
