import type { Deps, Rows } from "./deps.js";

class Undone extends Error {}

/** What a rule may use inside a transaction: rows, time and settings, but no network. */
export type Inside = Rows & Pick<Deps, "settings" | "now">;

/**
 * Runs one transaction whose work may give up halfway, as where a guard finds that something else came first.
 *
 * @param work - null undoes all that it wrote.
 */
export async function allOrNothing<T>(
  { transaction, settings, now }: Pick<Deps, "transaction" | "settings" | "now">,
  work: (inside: Inside) => Promise<T | null>,
): Promise<T | null> {
  try {
    return await transaction(async (rows) => {
      const done = await work({ ...rows, settings, now });
      if (done === null) throw new Undone();
      return done;
    });
  } catch (error) {
    if (error instanceof Undone) return null;
    throw error;
  }
}
