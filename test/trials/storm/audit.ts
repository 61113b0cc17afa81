import type { DataSource } from "typeorm";

import { brokenRows } from "../../kit/invariants.js";
import type { Ending } from "./sign-in.js";

/** What the storm did, counted from what people saw and from the rows. */
export interface StormResult {
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

/** Holds what people saw against the rows. */
export async function judge(database: DataSource, endings: readonly Ending[]): Promise<StormResult> {
  const { double, wrong } = await brokenRows(database);
  const unproven = await database.query<{ id: string }[]>(
    "SELECT id FROM sessions WHERE level = 2 AND challenge_id IS NULL",
  );
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
      ...unproven.map(({ id }) => `a full session without an approval: ${id}`),
      ...unapproved.map(({ uuid }) => `spent without an approval on the phone: ${uuid}`),
      ...endings.filter(({ isWrongAccount }) => isWrongAccount).map(({ story }) => `another account's page: ${story}`),
      ...endings
        .filter(({ plan, end }) => (plan === "deny" || plan === "cancel") && end === "done")
        .map(({ plan }) => `signed in although the plan was to ${plan}`),
    ],
    stepUps: { tried: stepUps.length, done: count("done", stepUps) },
  };
}
