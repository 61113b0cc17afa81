import { setTimeout as wait } from "node:timers/promises";

import { importAccounts } from "../../../src/domain/import-accounts.js";
import { answerResetRequests } from "../../../src/domain/request-reset.js";
import { serveApplication } from "../../http/served-application.js";
import { openBrowser } from "../../kit/browser.js";
import type { Owner } from "../../kit/owner.js";
import { seededRandom } from "../../kit/random.js";

const LANES = 10;
/** bcrypt, as another system made it. */
const FOREIGN_HASH = "$2b$04$KlJkVkDLdhyG4SSgHE2YM.1jIfcJjkeeZ4yBj4iOFFLrTuPfzcTWO";

/**
 * How well the time of the answer tells names that exist from those that do not: the area under the ROC curve, 0.5 for not at
 * all. The names are of people who registered, or of accounts that came with the hashes of another system. A worker looks at the requests beside it, as one does.
 */
export async function timeOfResetPage(
  owner: Owner,
  pairs: number,
  seed: number,
  known: "registered" | "imported" = "registered",
): Promise<{ area: number }> {
  const { origin, deps } = await serveApplication(owner, { LIMIT_MAILS_PER_ACCOUNT: "0" });
  const random = seededRandom(seed).next;
  const browser = openBrowser(origin);
  const names = Array.from({ length: 20 }, (_, n) => ({ name: `known-${n}`, email: `known-${n}@example.com` }));
  if (known === "imported") {
    const lines = names.map((each) => JSON.stringify({ ...each, hash: FOREIGN_HASH }));
    const taken = await importAccounts(deps, lines.join("\n"));
    if (!("taken" in taken) || taken.taken !== 20) throw new Error("the accounts were not taken");
  } else
    for (const { name: username, email } of names)
      await openBrowser(origin).post("/register", { username, email, password: "violet harbour lantern nine" });
  const over = new AbortController();
  const worker = (async () => {
    while (!over.signal.aborted) {
      await answerResetRequests(deps);
      await wait(100);
    }
  })();
  const ask = async (username: string): Promise<number> => {
    const { status, ms } = await browser.post("/password/reset", { username });
    if (status !== 303) throw new Error(`answered ${status}`);
    return ms;
  };
  const times: Record<"known" | "unknown", number[]> = { known: [], unknown: [] };
  await browser.get("/password/reset");
  for (let n = 0; n < pairs; n++) {
    const both = [
      async () => times.known.push(await ask(`known-${n % 20}`)),
      async () => times.unknown.push(await ask(`nobody-${n % 20}`)),
    ];
    if (random() < 0.5) both.reverse();
    for (const one of both) await one();
  }
  over.abort();
  await worker;
  return { area: areaUnderCurve(times.known, times.unknown) };
}

/** The chance that a known name took longer than an unknown one; ties count half. */
function areaUnderCurve(known: readonly number[], unknown: readonly number[]): number {
  const sorted = unknown.toSorted((a, b) => a - b);
  const below = (value: number, isWithEqual: boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const it = sorted[middle] ?? 0;
      if (it < value || (isWithEqual && it === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const wins = known.reduce((sum, value) => sum + (below(value, false) + below(value, true)) / 2, 0);
  return wins / (known.length * unknown.length);
}

/** So many requests for one account, half by its name and half by its address. @returns how many messages they ordered. */
export async function floodOfResets(owner: Owner, requests: number): Promise<number> {
  const { origin, deps } = await serveApplication(owner);
  const form = { username: "flooded", email: "flooded@example.com", password: "violet harbour lantern nine" };
  await openBrowser(origin).post("/register", form);
  let left = requests;
  const lane = async (): Promise<void> => {
    const browser = openBrowser(origin);
    while (left-- > 0) {
      const username = left % 2 === 0 ? "flooded" : "Flooded@example.com";
      const { status } = await browser.post("/password/reset", { username });
      if (status !== 303) throw new Error(`answered ${status}`);
    }
  };
  const workers = [answerResetRequests(deps), answerResetRequests(deps)];
  await Promise.all([...Array.from({ length: LANES }, lane), ...workers]);
  await Promise.all([answerResetRequests(deps), answerResetRequests(deps)]);
  return (await deps.mails.counts()).due;
}
