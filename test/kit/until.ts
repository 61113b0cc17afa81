import { setTimeout as wait } from "node:timers/promises";

const PATIENCE_MS = 30_000;
const BETWEEN_LOOKS_MS = 20;

/**
 * Asks until there is an answer that is not undefined, null or false, however slow the machine is.
 * @throws with `otherwise` when there is none in time.
 */
export async function until<T>(
  ask: () => T | Promise<T>,
  otherwise: string,
  withinMs = PATIENCE_MS,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false)
      return answer as Exclude<T, undefined | null | false>;
    await wait(BETWEEN_LOOKS_MS);
  }
  throw new Error(`${otherwise} in ${withinMs} ms`);
}
