import { setTimeout as wait } from "node:timers/promises";

import { NO_LIMITS } from "../../kit/environment.js";
import type { Answer } from "../../kit/browser.js";
import type { Owner } from "../../kit/owner.js";
import { openApplications, type StormApplications } from "./applications.js";
import { judge, type StormResult } from "./audit.js";
import { authyFaults, type Fault, processFaults, pushFaults } from "./faults.js";
import { enrolPerson, PUSH_HOST, type StormFactor } from "./people.js";
import { type Random, seededRandom } from "../../kit/random.js";
import { countersign, type Ending, type Plan, signOut, type StormPerson } from "./sign-in.js";
import { startProgram } from "../../kit/program.js";
import { leadingTo, startPushServer } from "../../kit/push-server.js";

/** Mostly approvals; some pressed twice, some denied, some given up. */
const PLANS: readonly Plan[] = [...Array<Plan>(15).fill("approve"), "approve-twice", "approve-twice", "deny", "cancel"];

/** How many of those who signed in ask for something that needs the phone again. */
const STEP_UPS = 0.15;

export interface StormOptions {
  readonly logins: number;
  readonly seed: number;
  readonly database: "sqlite" | "postgres";
  /** What its people countersign with. */
  readonly factor: StormFactor;
  /** No sign-in is begun after this many minutes. */
  readonly minutes: number;
  readonly browsers: number;
  /** About how many faults strike, spread over the storm. */
  readonly faults: number;
  /** Whether its people go on to other applications. */
  readonly apps?: boolean;
  /** An existing folder in which each process writes its log. */
  readonly logs?: string | undefined;
}

/** A storm's result, and how fast it went. */
export interface Report {
  readonly result: StormResult & { readonly reached: StormApplications["reached"] | null };
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
  const pushes = options.factor === "authy" ? null : await startPushServer(owner);
  const program = await startProgram(owner, {
    ...{ webs: 2, workers: 2, balanced: true, withWebhooks: false, keepLines: 200 },
    database: options.database,
    logFolder: options.logs,
    env: {
      ...NO_LIMITS,
      ...{ APPROVAL_TTL_SECONDS: "60", LIMIT_AUTHORIZATIONS_PER_ADDRESS: "0" },
      LOG_LEVEL: "warn",
      LOOP_LAG_SHED_MS: "200",
      ...(pushes && leadingTo(pushes, [PUSH_HOST])),
    },
  });
  let slowestAnswer = { ms: 0, what: "" };
  const noteAnswer = ({ ms, status }: Answer, path: string): void => {
    if (ms > slowestAnswer.ms) slowestAnswer = { ms, what: `${status} ${path.slice(0, 40)}` };
  };
  const people: StormPerson[] = [];
  for (let n = 0; n < options.browsers; n++) people.push(await enrolPerson(program, n + 1, options.factor, noteAnswer));

  const applications = options.apps === true ? await openApplications(program) : null;
  const endings: Ending[] = [];
  const struck = new Map<string, number>();
  let begun = 0;
  let isOver = false;
  const from = performance.now();
  const until = from + options.minutes * 60_000;
  const shareDone = (): number =>
    Math.max(begun / options.logins, (performance.now() - from) / (options.minutes * 60_000));
  const signInsOf = async (person: StormPerson, luck: Random): Promise<void> => {
    while (begun < options.logins && performance.now() < until) {
      begun += 1;
      const ending = await countersign(person, "sign-in", luck.pick(PLANS), luck.between(50, 1500));
      endings.push(ending);
      if (luck.next() < STEP_UPS && ending.end === "done")
        endings.push(await countersign(person, "step-up", "approve", luck.between(50, 1500)));
      const open =
        applications === null || ending.end !== "done"
          ? []
          : [await applications.goOn(person, "client"), await applications.goOn(person, "site")];
      await signOut(person.browser);
      for (const isOpen of open) await applications?.expectClosed(isOpen);
    }
  };
  /** Spreads so many faults over the storm, one after the other, whatever its pace. */
  const faultsOf = async (faults: readonly Fault[], many: number, luck: Random): Promise<void> => {
    for (let n = 0; n < many; n++) {
      const due = (n + luck.next()) / many;
      while (!isOver && shareDone() < due) await wait(20);
      if (isOver) return;
      const fault = luck.pick(faults);
      await fault.strike();
      struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1);
    }
  };
  const progress = setInterval(() => {
    const faults = [...struck.values()].reduce((sum, n) => sum + n, 0);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    onProgress(`${seconds} s: ${begun} of ${options.logins} sign-ins, ${faults} faults`);
  }, 5000);
  try {
    const seeded = (): Random => seededRandom(random.between(1, 1e9));
    const half = Math.ceil(options.faults / 2);
    const troubles = [
      faultsOf(processFaults(program, seeded()), half, seeded()),
      faultsOf(
        [
          ...(options.factor === "phone" ? [] : authyFaults(program, seeded())),
          ...(pushes === null ? [] : pushFaults(pushes, seeded())),
        ],
        options.faults - half,
        seeded(),
      ),
    ];
    const signIns = Promise.all(people.map((person) => signInsOf(person, seeded())));
    await Promise.race([signIns, Promise.all(troubles).then(() => signIns)]);
    isOver = true;
    await Promise.all(troubles);
  } finally {
    clearInterval(progress);
    isOver = true;
  }
  const judged = await judge(program.database, endings);
  const { lost = [], wrong = [], reached = null } = applications ?? {};
  const result = { ...judged, lost: [...judged.lost, ...lost], wrong: [...judged.wrong, ...wrong], reached };
  const slowest = endings
    .filter(({ act, end }) => act === "sign-in" && end === "done")
    .sort((a, b) => (b.afterApprovalMs ?? 0) - (a.afterApprovalMs ?? 0))
    .slice(0, 3)
    .map(({ story }) => story);
  const times = endings
    .flatMap((each) => (each.act === "sign-in" && each.end === "done" ? (each.afterApprovalMs ?? []) : []))
    .sort((a, b) => a - b);
  const share = (part: number): number => Math.round(times[Math.floor(part * (times.length - 1))] ?? 0);
  return {
    result,
    faults: struck,
    seconds: (performance.now() - startedAt) / 1000,
    slowestAnswer,
    afterApprovalMs: { p50: share(0.5), p99: share(0.99), max: share(1) },
    slowest,
  };
}
