import type { Log } from "./domain/deps.js";

const SAY_AGAIN_MS = 60_000;
const MOST_REMEMBERED = 100;
const MOST_CHARACTERS = 200;

/**
 * What libraries say on the console, and Node.js's own warnings, become lines of the log: a process writes JSON lines
 * only. The same words once a minute at most.
 */
export function consoleToLog(log: Log): void {
  const saidAt = new Map<string, number>();
  const say = (...said: readonly unknown[]): void => {
    const text = said.map(words).join(" ").replace(/\s+/g, " ").slice(0, MOST_CHARACTERS);
    const now = performance.now();
    if (now - (saidAt.get(text) ?? -Infinity) < SAY_AGAIN_MS) return;
    if (saidAt.size >= MOST_REMEMBERED) saidAt.clear();
    saidAt.set(text, now);
    log.warn({ text }, "a library says");
  };
  for (const method of ["log", "info", "debug", "warn", "error", "trace"] as const) console[method] = say;
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => {
    say(`${name}: ${message}`);
  });
}

/** Chosen words only: an object of a library may hold anything. */
function words(said: unknown): string {
  if (said instanceof Error) return `${said.name}: ${said.message}`;
  return typeof said === "string" || typeof said === "number" ? String(said) : typeof said;
}
