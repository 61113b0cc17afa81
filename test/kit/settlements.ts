import { EventEmitter } from "node:events";
import type { LogLine } from "./part.js";

const LOGGED_WITHIN_MS = 5_000;

/** True for the line that says who settled a challenge or an enrolment. */
export function isSettlement({ msg }: LogLine): boolean {
  return msg === "challenge settled" || msg === "enrolment settled";
}

/** Reads from the parts' logs who settled which row: `callback`, `webhook`, `poll`, `clock` or `person`. */
export interface Settlements {
  /** Give it every line of every web process and worker. */
  readonly hear: (line: LogLine) => void;
  /** @throws when no part says so within 5 s. */
  readonly settledBy: (id: string) => Promise<string>;
}

export function readSettlements(): Settlements {
  const known = new Map<string, string>();
  const told = new EventEmitter().setMaxListeners(0);
  return {
    hear(line) {
      const { challengeId, enrolmentId = challengeId, by } = line as Readonly<Record<string, unknown>>;
      if (!isSettlement(line) || typeof enrolmentId !== "string" || typeof by !== "string") return;
      known.set(enrolmentId, by);
      told.emit(enrolmentId, by);
    },
    settledBy(id) {
      const by = known.get(id);
      if (by !== undefined) return Promise.resolve(by);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          told.removeListener(id, hear);
          reject(new Error(`no process logged who settled ${id}`));
        }, LOGGED_WITHIN_MS);
        const hear = (who: string): void => {
          clearTimeout(timer);
          resolve(who);
        };
        told.once(id, hear);
      });
    },
  };
}
