import { parseArgs } from "node:util";

export interface StormOptions {
  readonly logins: number;
  readonly seed: number;
  readonly database: "sqlite" | "postgres";
  /** No sign-in is begun after this many minutes. */
  readonly minutes: number;
  readonly browsers: number;
  /** About how many faults strike, spread over the storm. */
  readonly faults: number;
  /** An existing folder in which each process writes its log. */
  readonly logs?: string | undefined;
}

/**
 * The storm's options. setup.mjs has refused unknown ones already, and tells what each is for.
 *
 * @throws RangeError when a number is none.
 */
export function readOptions(): StormOptions {
  const text = { type: "string" } as const;
  const options = { logins: text, seed: text, database: text, minutes: text, browsers: text, faults: text, logs: text };
  const { values } = parseArgs({ options });
  const number = (name: "logins" | "seed" | "minutes" | "browsers" | "faults", fallback: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isFinite(value) || value < 0)
      throw new RangeError(`--${name} takes a number, not '${values[name] ?? ""}'`);
    return value;
  };
  return {
    logins: Math.max(1, Math.floor(number("logins", 500))),
    seed: Math.floor(number("seed", Date.now() % 1_000_000)),
    database: values.database === "postgres" ? "postgres" : "sqlite",
    minutes: number("minutes", 30),
    browsers: Math.max(1, Math.floor(number("browsers", 24))),
    faults: Math.floor(number("faults", 120)),
    logs: values.logs,
  };
}
