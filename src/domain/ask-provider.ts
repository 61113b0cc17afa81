import { EXPIRY_GRACE_MS, isFinal, type WatchedRow } from "./watched.js";
import type { WatchedDeps, WatchedRules } from "./watched-kinds.js";

/** How long one question to the provider may take before another process may ask again: longer than the client waits. */
const LEASE_MS = 4000;
/** How soon to look again while somebody else asks: the one who asks may have died. */
const LOOK_AGAIN_MS = 400;
/** Clocks and timers differ by this much. */
const EARLY_MS = 100;

/** `settled`: nothing more to do. Otherwise when to ask again; somebody else may be asking right now. */
export type Asked = { readonly kind: "settled" } | { readonly kind: "later"; readonly at: Date };

const SETTLED: Asked = { kind: "settled" };

/**
 * Asks the provider once what became of a row and settles what it says. An error of the provider is neither yes nor no.
 *
 * @throws ProviderThrottled with the time to wait; the lease is given back.
 */
export async function askProvider<Row extends WatchedRow>(
  deps: WatchedDeps,
  rules: WatchedRules<Row>,
  row: Row,
  by: "poll" | "webhook",
  signal?: AbortSignal,
): Promise<Asked> {
  const rows = rules.rows(deps);
  if (!rules.canAsk(deps, row)) {
    const over = row.expiresAt.getTime() + EXPIRY_GRACE_MS;
    return isSettled(rules, await expireIfOver(deps, rules, row)) ? SETTLED : later(over);
  }
  const startedAt = deps.now();
  const leaseUntil = new Date(startedAt.getTime() + LEASE_MS);
  if (!(await rows.claimPoll(row.id, startedAt, leaseUntil))) return later(startedAt.getTime() + LOOK_AGAIN_MS);
  const nextPollAt = (): Date => rules.nextPollAt(deps.settings, row, deps.now());
  try {
    const answer = await rules.ask(deps, row, by, signal);
    if (answer === "settled") return SETTLED;
    if (answer === "pending" && startedAt >= row.expiresAt) {
      await rules.expire(deps, row.id, by);
      return SETTLED;
    }
    return isSettled(rules, await expireIfOver(deps, rules, row)) ? SETTLED : later(nextPollAt());
  } finally {
    await rows.releasePoll(row.id, leaseUntil, nextPollAt());
  }
}

/** Ends what nobody answered, by the clock, a little after its time. @returns the row as it stands then. */
export async function expireIfOver<Row extends WatchedRow>(
  deps: WatchedDeps,
  rules: WatchedRules<Row>,
  row: Row,
): Promise<Row> {
  const isOver = deps.now().getTime() >= row.expiresAt.getTime() + EXPIRY_GRACE_MS;
  if (!isOver || isSettled(rules, row)) return row;
  await rules.expire(deps, row.id, "clock");
  return (await rules.rows(deps).find(row.id)) ?? row;
}

/** One turn of the poller: asks when the row says that it is time to. */
export async function pollOnce(
  deps: WatchedDeps,
  rules: WatchedRules,
  id: string,
  signal?: AbortSignal,
): Promise<Asked> {
  const row = await rules.rows(deps).find(id);
  if (row === null || isSettled(rules, row)) return SETTLED;
  // The row, not the job, says when to ask: somebody else may have asked since the job was made.
  if (row.nextPollAt !== null && row.nextPollAt.getTime() > deps.now().getTime() + EARLY_MS)
    return later(row.nextPollAt);
  return askProvider(deps, rules, row, "poll", signal);
}

function isSettled<Row extends WatchedRow>(rules: WatchedRules<Row>, row: Row): boolean {
  return isFinal(rules.statusOf(row).status);
}

function later(at: Date | number): Asked {
  return { kind: "later", at: new Date(at) };
}
