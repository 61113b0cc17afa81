import { EventEmitter } from "node:events";
import { type LogLine } from "./part.js";

const LOGGED_WITHIN_MS = 5_000;

/** Reads from the parts' logs who settled which challenge: `callback`, `webhook`, `poll`, `clock` or `person`. */
export interface Settlements {
  /** Give it every line of every web process and worker. */
  readonly hear: (line: LogLine) => void;
  /** @throws when no part says so within 5 s. */
  readonly settledBy: (challengeId: string) => Promise<string>;
}

export function readSettlements(): Settlements {
  const known = new Map<string, string>();
  const told = new EventEmitter().setMaxListeners(0);
  return {
    hear(line) {
      const { challengeId, by } = line as { challengeId?: unknown; by?: unknown };
      if (line.msg !== "challenge settled" || typeof challengeId !== "string" || typeof by !== "string") return;
      known.set(challengeId, by);
      told.emit(challengeId, by);
    },
    settledBy(challengeId) {
      const by = known.get(challengeId);
      if (by !== undefined) return Promise.resolve(by);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          told.removeListener(challengeId, hear);
          reject(new Error(`no process logged who settled the challenge ${challengeId}`));
        }, LOGGED_WITHIN_MS);
        const hear = (who: string): void => {
          clearTimeout(timer);
          resolve(who);
        };
        told.once(challengeId, hear);
      });
    },
  };
}
