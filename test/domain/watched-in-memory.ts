import { loadConfig } from "../../src/config.js";
import type { Attempt } from "../../src/domain/attempt.js";
import {
  type Challenge,
  challengeStatus,
  isLive,
  type Outcome,
  type SettledChallenge,
} from "../../src/domain/challenge.js";
import type { Deps, LogFields } from "../../src/domain/deps.js";
import { type Enrolment, type EnrolmentState, enrolmentStatus } from "../../src/domain/enrolment.js";
import {
  EXPIRY_GRACE_MS,
  type LiveStatus,
  type WatchedRow,
  type WatchedRows,
  type Witness,
} from "../../src/domain/watched.js";
import { newTally } from "../../src/http/tally.js";

export const settings = loadConfig({ AUTHY_APP_NAME: "a", AUTHY_APP_ID: "1", AUTHY_PRODUCTION_API_KEY: "k" }, () => [
  "k",
]).rules;

/** The moment at which every row is made, and so many milliseconds after it. */
export function at(ms: number): Date {
  return new Date(Date.parse("2026-11-24T10:00:00.000Z") + ms);
}

/** Rows live so long here. */
export const LIFE_MS = 60_000;
/** From here on the clock may call a row expired. */
export const OVER_MS = LIFE_MS + EXPIRY_GRACE_MS;

type Stored<Row> = { -readonly [Key in keyof Row]: Row[Key] } & { leaseUntil: Date | null };

/** Statements over a table in memory: each reads and writes in one go, as one statement of a database does. */
function watchedRows<Row extends WatchedRow & { state: string }>(
  table: Map<string, Stored<Row>>,
  statusOf: (row: Row) => LiveStatus,
): WatchedRows<Row> {
  const pending = (): Stored<Row>[] => [...table.values()].filter(({ state }) => state === "pending");
  const copyOf = (row: Stored<Row> | undefined): Row | null => (row === undefined ? null : { ...row });
  const found = (ids: readonly string[]): Row[] => ids.flatMap((id) => table.get(id) ?? []);
  return {
    find: (id) => Promise.resolve(copyOf(table.get(id))),
    statuses: (ids) => Promise.resolve(found(ids).map(statusOf)),
    changed: (ids, now) =>
      Promise.resolve(
        found(ids)
          .filter(({ version, expiresAt }) => version > 1 || expiresAt <= now)
          .map(statusOf),
      ),
    claimPoll(id, now, until) {
      const row = pending().find((each) => each.id === id);
      if (row === undefined || (row.leaseUntil !== null && row.leaseUntil > now)) return Promise.resolve(false);
      row.leaseUntil = until;
      return Promise.resolve(true);
    },
    releasePoll(id, claimedUntil, nextPollAt) {
      const row = pending().find((each) => each.id === id && each.leaseUntil?.getTime() === claimedUntil.getTime());
      if (row !== undefined) Object.assign(row, { leaseUntil: null, nextPollAt });
      return Promise.resolve();
    },
    findOverdue: (dueBy) =>
      Promise.resolve(pending().filter(({ nextPollAt }) => nextPollAt !== null && nextPollAt <= dueBy)),
    findExpired: (now) =>
      Promise.resolve(
        pending()
          .filter(({ expiresAt }) => expiresAt.getTime() + EXPIRY_GRACE_MS <= now.getTime())
          .map(({ id }) => id),
      ),
  };
}

/** A challenge and an enrolment that wait, both of `ada`; what happens to them is noted. */
export function watchedInMemory() {
  let now = at(0);
  let isPhoneTaken = false;
  const challenges = new Map([["challenge-1", aChallenge()]]);
  const enrolments = new Map([["enrolment-1", anEnrolment()]]);
  const attempts = new Map([["attempt-1", anAttempt()]]);
  const history: string[] = [];
  const published: LiveStatus[] = [];
  const scheduled: string[] = [];
  const logged: (LogFields & { readonly message: string })[] = [];
  /** How often the provider was asked, and what it answers: an error is thrown. */
  const provider = { asked: 0, approval: "pending" as unknown, registration: { state: "pending" } as unknown };
  const answer = async (what: "approval" | "registration"): Promise<never> => {
    provider.asked += 1;
    await Promise.resolve();
    if (provider[what] instanceof Error) throw provider[what];
    return provider[what] as never;
  };

  function settle(id: string, state: Outcome, by: Witness, settledAt: Date): Promise<SettledChallenge | null> {
    const row = challenges.get(id);
    if (row === undefined || !isLive(row.state)) return Promise.resolve(null);
    Object.assign(row, { state, settledBy: by, settledAt, version: row.version + 1 });
    return Promise.resolve({ ...row });
  }
  function end(id: string, state: EnrolmentState, by: Witness, settledAt: Date): Promise<boolean> {
    const row = enrolments.get(id);
    if (row?.state !== "pending") return Promise.resolve(false);
    Object.assign(row, { state, settledBy: by, settledAt, version: row.version + 1 });
    return Promise.resolve(true);
  }
  const rows = {
    challenges: {
      ...watchedRows<Challenge>(challenges, challengeStatus),
      settle,
      lapseOld: () => Promise.resolve(0),
    },
    enrolments: {
      ...watchedRows<Enrolment>(enrolments, enrolmentStatus),
      end,
      complete: (id: string, by: Witness, settledAt: Date) => end(id, "completed", by, settledAt),
    },
    attempts: {
      find: (id: string) => Promise.resolve(attempts.get(id) ?? null),
      findOverdue: () => Promise.resolve([]),
    },
    factors: { insert: () => Promise.resolve(!isPhoneTaken) },
    subscribers: { nextEpoch: () => Promise.resolve(true), freezePushes: () => Promise.resolve() },
    logoutNotices: { writeForOthers: () => Promise.resolve() },
    sessions: { raiseEpoch: () => Promise.resolve(), list: () => Promise.resolve([]) },
    browsers: { forgetSeenSince: () => Promise.resolve() },
    audit: {
      record({ kind }: { kind: string }) {
        history.push(kind);
        return Promise.resolve();
      },
    },
  };
  let turn: Promise<unknown> = Promise.resolve();
  const note = (fields: LogFields, message: string): void => void logged.push({ ...fields, message });
  const deps = {
    ...rows,
    // One at a time; what fails leaves nothing behind.
    transaction(work: (given: typeof rows) => Promise<unknown>) {
      const done = turn.then(async () => {
        const [before, told] = [structuredClone([...enrolments]), history.length];
        try {
          return await work(rows);
        } catch (error) {
          for (const [id, row] of before) enrolments.set(id, row);
          history.length = told;
          throw error;
        }
      });
      turn = done.catch(() => undefined);
      return done;
    },
    now: () => now,
    settings,
    log: { info: note, warn: note, error: note },
    feed: {
      publish(status: LiveStatus) {
        published.push(status);
      },
    },
    tally: newTally(),
    polls: {
      schedule(kind: string, id: string, due: Date) {
        scheduled.push(`${kind} ${id} at ${due.getTime() - at(0).getTime()}`);
        return Promise.resolve();
      },
      forget: () => undefined,
      noticeLoss: () => Promise.resolve(false),
    },
    providers: {
      "authy-push": {
        asks: { state: () => answer("approval") },
        enrols: { state: () => answer("registration") },
      },
    },
  };
  return {
    deps: deps as unknown as Deps,
    challenges,
    enrolments,
    attempts,
    provider,
    history,
    published,
    scheduled,
    logged,
    /** It is now so many milliseconds after the rows were made. */
    passTo: (ms: number) => (now = at(ms)),
    /** The phone that is scanned protects somebody else's account. */
    takePhone: () => (isPhoneTaken = true),
  };
}

function aChallenge(): Stored<Challenge> {
  return {
    ...{ id: "challenge-1", attemptId: "attempt-1", subscriberId: "ada", browserHash: "b" },
    ...{
      factorType: "authy-push",
      factorId: "phone-1",
      answeredBy: null,
      isKnownBrowser: true,
      providerId: "1",
      providerRef: "ref-1",
      state: "pending",
      version: 1,
    },
    ...{
      matchCodeHash: null,
      language: null,
      namedLabel: null,
      failure: null,
      reach: "ringing" as const,
      createdAt: at(0),
      expiresAt: at(LIFE_MS),
      nextPollAt: at(2000),
    },
    ...{ settledAt: null, settledBy: null, consumedAt: null, personAskedAt: null, leaseUntil: null },
  };
}

function anEnrolment(): Stored<Enrolment> {
  return {
    ...{ id: "enrolment-1", subscriberId: "ada", sessionId: "session-1", epoch: 1 },
    ...{
      type: "authy-push",
      replacesFactor: false,
      state: "pending",
      version: 1,
      createdAt: at(0),
      expiresAt: at(LIFE_MS),
      nextPollAt: at(1500),
    },
    ...{ settledAt: null, settledBy: null, leaseUntil: null },
  };
}

function anAttempt(): Attempt {
  return {
    ...{
      id: "attempt-1",
      subscriberId: "ada",
      epoch: 1,
      purpose: "sign-in",
      application: null,
      sessionId: null,
      browserHash: "b",
    },
    ...{ isKnownBrowser: true, asksMatchCode: false, browserLabel: "", address: "", next: "/", remember: false },
    ...{ tries: 0, state: "open", createdAt: at(0), expiresAt: at(900_000), spentAt: null, wasTexted: false },
  };
}
