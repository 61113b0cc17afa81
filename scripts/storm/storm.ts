import { setTimeout as wait } from "node:timers/promises";

import { openDatabase } from "../../src/database/data-source.js";
import { type Owner } from "../../test/support/owner.js";
import { judge, type Verdict } from "./audit.js";
import { authyFaults, type Fault, processFaults } from "./faults.js";
import { type StormOptions } from "./options.js";
import { enrolPerson } from "./people.js";
import { type Random, seededRandom } from "./random.js";
import { type Ending, type Person, type Plan, signIn, signOut } from "./sign-in.js";
import { startWorld } from "./world.js";

/** Mostly approvals; some pressed twice, some denied, some given up. */
const PLANS: readonly Plan[] = [...Array<Plan>(15).fill("approve"), "approve-twice", "approve-twice", "deny", "cancel"];

/** A storm's result, and how fast it went. */
export interface Report {
  readonly verdict: Verdict;
  readonly faults: ReadonlyMap<string, number>;
  readonly seconds: number;
  readonly slowestAnswer: { readonly ms: number; readonly what: string };
  /** From a tap to the account's page: the median, the 99th of a hundred, and the slowest. */
  readonly afterApprovalMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** What the ones who waited longest after their tap lived through. */
  readonly slowest: readonly string[];
}

/** Runs sign-ins under a seeded stream of faults and audits the rows afterwards. */
export async function runStorm(
  owner: Owner,
  options: StormOptions,
  onProgress: (line: string) => void,
): Promise<Report> {
  const startedAt = performance.now();
  const random = seededRandom(options.seed);
  const world = await startWorld(owner, { database: options.database, logFolder: options.logs });
  const database = await openDatabase(world.databaseUrl);
  owner.after(() => database.destroy());
  let slowestAnswer = { ms: 0, what: "" };
  const told = ({ ms, path, status }: { ms: number; path: string; status: number }): void => {
    if (ms > slowestAnswer.ms) slowestAnswer = { ms, what: `${status} ${path.slice(0, 40)}` };
  };
  const people: Person[] = [];
  for (let n = 0; n < options.browsers; n++) people.push(await enrolPerson(world, database, `person${n + 1}`, told));

  const endings: Ending[] = [];
  const struck = new Map<string, number>();
  let begun = 0;
  let isOver = false;
  const until = performance.now() + options.minutes * 60_000;
  const signInsOf = async (person: Person, luck: Random): Promise<void> => {
    while (begun < options.logins && performance.now() < until) {
      begun += 1;
      endings.push(await signIn(person, luck.pick(PLANS), luck.between(50, 1500)));
      await signOut(person);
    }
  };
  const faultsOf = async (faults: readonly Fault[], luck: Random): Promise<void> => {
    while (!isOver) {
      await wait(luck.next() * options.pauseMs);
      const fault = luck.pick(faults);
      await fault.strike();
      struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1);
    }
  };
  const progress = setInterval(() => {
    const faults = [...struck.values()].reduce((sum, n) => sum + n, 0);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    onProgress(`${seconds} s: ${endings.length} of ${options.logins} sign-ins, ${faults} faults`);
  }, 5000);
  try {
    const troubles = [
      faultsOf(processFaults(world, seededRandom(random.between(1, 1e9))), seededRandom(random.between(1, 1e9))),
      faultsOf(authyFaults(world, seededRandom(random.between(1, 1e9))), seededRandom(random.between(1, 1e9))),
    ];
    const signIns = Promise.all(people.map((person) => signInsOf(person, seededRandom(random.between(1, 1e9)))));
    await Promise.race([signIns, Promise.all(troubles).then(() => signIns)]);
    isOver = true;
    await Promise.all(troubles);
  } finally {
    clearInterval(progress);
    isOver = true;
  }
  const verdict = await judge(database, endings);
  const slowest = endings
    .filter(({ end }) => end === "signed-in")
    .sort((a, b) => (b.afterApprovalMs ?? 0) - (a.afterApprovalMs ?? 0))
    .slice(0, 3)
    .map(({ story }) => story);
  const times = endings
    .flatMap((each) => (each.end === "signed-in" ? (each.afterApprovalMs ?? []) : []))
    .sort((a, b) => a - b);
  const share = (part: number): number => Math.round(times[Math.floor(part * (times.length - 1))] ?? 0);
  return {
    verdict,
    faults: struck,
    seconds: (performance.now() - startedAt) / 1000,
    slowestAnswer,
    afterApprovalMs: { p50: share(0.5), p99: share(0.99), max: share(1) },
    slowest,
  };
}
