import { type DataSource } from "typeorm";

import { type Ending } from "./sign-in.js";

/** What the storm did, counted from what people saw and from the rows. */
export interface Verdict {
  readonly tried: number;
  readonly approved: number;
  readonly signedIn: number;
  readonly denied: number;
  readonly cancelled: number;
  /** Nobody was signed in, and the page said why. */
  readonly told: number;
  readonly lost: readonly string[];
  readonly double: readonly string[];
  readonly wrong: readonly string[];
  /** Approvals of people who were signed in already: asked for, and come to their end. */
  readonly stepUps: { readonly tried: number; readonly done: number };
}

/** What must hold at any time, as questions whose every answer is a breach. */
const DOUBLE: readonly [string, string][] = [
  [
    "two living sessions of one approval",
    "SELECT challenge_id AS id FROM sessions WHERE challenge_id IS NOT NULL AND ended_at IS NULL GROUP BY challenge_id HAVING count(*) > 1",
  ],
  [
    "two approvals spent for one attempt",
    "SELECT attempt_id AS id FROM challenges WHERE state = 'consumed' GROUP BY attempt_id HAVING count(*) > 1",
  ],
  [
    "two live challenges of one browser",
    "SELECT browser_hash AS id FROM challenges WHERE state IN ('creating', 'pending') GROUP BY browser_hash HAVING count(*) > 1",
  ],
];
const WRONG: readonly [string, string][] = [
  [
    "a full session without a consumed challenge of the same account",
    `SELECT s.id FROM sessions s LEFT JOIN challenges c ON c.id = s.challenge_id
     WHERE s.level = 2 AND (c.id IS NULL OR c.state <> 'consumed' OR c.subscriber_id <> s.subscriber_id)`,
  ],
  [
    "an approval without evidence",
    `SELECT id FROM challenges WHERE state IN ('approved', 'consumed', 'lapsed')
     AND (settled_by NOT IN ('callback', 'webhook', 'poll') OR settled_by IS NULL OR authy_uuid IS NULL)`,
  ],
  [
    "more than one arrow out of pending",
    `SELECT id FROM challenges WHERE version > 3 OR (version > 2 AND state <> 'consumed' AND state <> 'lapsed')`,
  ],
  [
    "an outcome without its time or witness",
    `SELECT id FROM challenges WHERE state NOT IN ('creating', 'pending') AND (settled_at IS NULL OR settled_by IS NULL)`,
  ],
];

/** @returns a line for each row that breaks what must hold. */
export async function brokenRows(database: DataSource): Promise<{ double: string[]; wrong: string[] }> {
  const ask = async (checks: readonly [string, string][]): Promise<string[]> => {
    const found: string[] = [];
    for (const [what, sql] of checks)
      for (const { id } of await database.query<{ id: string }[]>(sql)) found.push(`${what}: ${id}`);
    return found;
  };
  return { double: await ask(DOUBLE), wrong: await ask(WRONG) };
}

/** Holds what people saw against the rows. */
export async function judge(database: DataSource, endings: readonly Ending[]): Promise<Verdict> {
  const { double, wrong } = await brokenRows(database);
  const rows = await database.query<{ uuid: string; state: string }[]>(
    "SELECT authy_uuid AS uuid, state FROM challenges WHERE authy_uuid IS NOT NULL",
  );
  const stateOf = new Map(rows.map(({ uuid, state }) => [uuid, state]));
  const approvals = new Set(endings.flatMap(({ approved }) => approved));
  const signIns = endings.filter(({ act }) => act === "sign-in");
  const stepUps = endings.filter(({ act }) => act === "step-up");
  const count = (end: Ending["end"], among: readonly Ending[] = signIns): number =>
    among.filter((each) => each.end === end).length;
  const lost = endings
    .filter(({ plan, end, approved }) => plan.startsWith("approve") && end !== "done" && approved.length > 0)
    .map(
      ({ act, end, story, approved }) =>
        `${act} ${end}: ${story} (${approved.map((uuid) => stateOf.get(uuid) ?? "no row").join()})`,
    );
  const unapproved = rows.filter(({ uuid, state }) => state === "consumed" && !approvals.has(uuid));
  const spent = rows.filter(({ state }) => state === "consumed").length;
  return {
    tried: signIns.length,
    approved: signIns.filter(({ approved }) => approved.length > 0).length,
    signedIn: count("done"),
    denied: count("denied"),
    cancelled: count("cancelled"),
    told: signIns.filter(({ end, approved }) => (end === "told" || end === "gave-up") && approved.length === 0).length,
    lost,
    double: [
      ...double,
      ...(spent > count("done", endings) + lost.length
        ? [`${spent} approvals spent for ${count("done", endings)} sign-ins and step-ups`]
        : []),
    ],
    wrong: [
      ...wrong,
      ...unapproved.map(({ uuid }) => `spent without an approval on the phone: ${uuid}`),
      ...endings.filter(({ isWrongAccount }) => isWrongAccount).map(({ story }) => `another account's page: ${story}`),
      ...endings
        .filter(({ plan, end }) => (plan === "deny" || plan === "cancel") && end === "done")
        .map(({ plan }) => `signed in although the plan was to ${plan}`),
    ],
    stepUps: { tried: stepUps.length, done: count("done", stepUps) },
  };
}
