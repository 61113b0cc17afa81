// The browser's modules are plain JavaScript, checked by views/tsconfig.json; here is what the tests see of the pure ones.

declare module "*/views/assets/waiting-machine.js" {
  export type Status = "pending" | "claimed" | "approved" | "completed" | "denied" | "expired" | "cancelled" | "failed";
  export interface State {
    phase: "waiting" | "approved" | "leaving";
    link: "opening" | "live" | "asking";
    online: boolean;
    reached: boolean;
    streamOpen: boolean;
    inFlight: boolean;
    askedAt: number;
    shown: Status;
    typesCode: boolean;
  }
  export type TimerName = "silence" | "ask" | "longest";
  export type Happening =
    | { type: "status"; status: Status; via: "stream" | "answer" }
    | { type: "stream-error"; gaveUp: boolean }
    | { type: "no-answer"; httpStatus: number; retryAfterMs: number }
    | { type: "timer"; name: TimerName }
    | { type: "offline" | "online" | "shown" | "restored" | "code-taken-back" };
  export type Effect =
    | { do: "open-stream" | "close-stream" | "ask" | "finish" | "reload" | "stop-timers" }
    | { do: "timer"; name: TimerName; ms: number };
  export const SILENCE_MS: number;
  export const ASK_MS: number;
  export const CHECK_MS: number;
  export const OFFLINE_ASK_MS: number;
  export const ASK_AT_MOST_EVERY_MS: number;
  export const LONGEST_AFTER_END_MS: number;
  export function start(page: {
    at: number;
    online: boolean;
    secondsLeft: number;
    typesCode: boolean;
    shown?: Status;
  }): [State, Effect[]];
  export function step(state: State, event: Happening, at: number): [State, Effect[]];
}

declare module "*/views/assets/password-strength.js" {
  export function judgePassword(
    password: string,
    minLength: number,
    own: readonly string[],
  ): { good: boolean; says: string; count?: number };
}

declare module "*/views/assets/moment-words.js" {
  export function momentWords(
    timeZone?: string,
    locale?: string,
  ): {
    moment(at: Date, now: Date): string;
    clock(at: Date, now: Date): string;
  };
}
