import { newOwner, type Owner } from "./owner.js";

/** Somebody pressed Ctrl-C, closed the terminal, or ended npm. */
export class StopRequested extends Error {}

/**
 * Watches for signals, and for the end of the process that handed over to this one.
 * @returns a promise that rejects with StopRequested at the first of them; later ones change nothing, for npm passes on
 *   what the terminal has sent to everybody already, and stopping has limits of its own.
 */
export function watchForStop(): Promise<never> {
  // The terminal may be gone before we are.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  const request = new Promise<never>((_, reject) => {
    const stop = (): void => {
      reject(new StopRequested());
    };
    process.on("SIGINT", stop).on("SIGTERM", stop).on("SIGHUP", stop).on("disconnect", stop);
  });
  process.channel?.unref();
  request.catch(() => undefined);
  return request;
}

/**
 * Runs a command of its own from start to end, and ends what it has started: with the exit code that `main` gives, with 130
 * when somebody stopped it, with 1 and the reason when it failed.
 */
export async function runCommandLine(main: (owner: Owner) => Promise<number>): Promise<never> {
  const owner = newOwner();
  let code: number;
  try {
    code = await Promise.race([main(owner), watchForStop()]);
  } catch (error) {
    if (!(error instanceof StopRequested)) console.error(error instanceof Error ? error.message : error);
    code = error instanceof StopRequested ? 130 : 1;
  }
  await owner.end();
  process.exit(code);
}
