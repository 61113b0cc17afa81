import type { Log } from "./domain/deps.js";
import { errorFields } from "./domain/error-fields.js";

const HARD_LIMIT_MS = 9000;

/**
 * Stops once on SIGTERM or SIGINT, and exits 0 within 10 s whatever hangs. A rejection that nobody handles ends the
 * process: its state is unknown, and another process goes on.
 *
 * @returns a signal that is aborted as soon as the process is told to stop, before `stop` runs.
 */
export function stopOnSignals(log: Log, stop: () => Promise<void>): AbortSignal {
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    log.info({ signal }, "stopping");
    setTimeout(() => {
      log.warn({}, "stopped without finishing everything");
      process.exit(0);
    }, HARD_LIMIT_MS).unref();
    stop().then(
      () => {
        log.info({}, "stopped");
        process.exit(0);
      },
      (error: unknown) => {
        log.error(errorFields(error), "stopping failed");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("unhandledRejection", (reason) => {
    log.error(errorFields(reason), "unhandled rejection");
    process.exit(1);
  });
  return stopping.signal;
}
