import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe } from "node:test";
import type { DataSource } from "typeorm";

import { openDatabase } from "../../src/database/data-source.js";
import { rowsIn } from "../../src/database/rows.js";
import type { FactorRow } from "../../src/database/schema.js";
import type { Attempt } from "../../src/domain/attempt.js";
import type { Challenge } from "../../src/domain/challenge.js";
import type { Deps } from "../../src/domain/deps.js";
import type { StoredSession } from "../../src/domain/session.js";

/** All rows of one migrated database. */
export type Store = ReturnType<typeof storeOf>;

function storeOf(database: DataSource) {
  const transaction: Deps["transaction"] = (work) => database.manager.transaction((manager) => work(rowsIn(manager)));
  return { database, transaction, ...rowsIn(database.manager) };
}

/** PostgreSQL is a process: `npm test -- quick` goes without it. */
const KINDS =
  process.env["COUNTERSIGN_TEST_QUICK"] === undefined ? (["SQLite", "PostgreSQL"] as const) : (["SQLite"] as const);

/** Runs the same tests on an SQLite file and on a PostgreSQL of the test's own. */
export function onBothDatabases(title: string, tests: (store: () => Store, url: () => string) => void): void {
  for (const kind of KINDS)
    describe(`${title}, on ${kind}`, () => {
      const ends: (() => void | Promise<void>)[] = [];
      let url = "";
      let store: Store | undefined;
      before(async () => {
        url = kind === "SQLite" ? sqliteFile(ends) : await postgresDatabase(ends);
        store = storeOf(await openDatabase(url));
        await store.database.runMigrations();
      });
      after(async () => {
        await store?.database.destroy();
        for (const end of ends) await end();
      });
      tests(
        () => {
          if (store === undefined) throw new Error("the database is not open yet");
          return store;
        },
        () => url,
      );
    });
}

function sqliteFile(ends: (() => void)[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-store-"));
  ends.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return `sqlite:${path.join(folder, "store.sqlite")}`;
}

async function postgresDatabase(ends: (() => void | Promise<void>)[]): Promise<string> {
  const { startPostgres } = await import("../kit/postgres.js");
  const postgres = await startPostgres({ after: (end) => ends.push(end) });
  return postgres.createDatabase();
}

/** Somebody with a phone. */
export interface Owner {
  readonly subscriberId: string;
  readonly factorId: string;
  readonly providerId: string;
}

/** A moment of the tests' own clock, so many milliseconds after the first one. */
export function at(ms: number): Date {
  return new Date(Date.parse("2026-11-24T10:00:00.000Z") + ms);
}

let phones = 1000;

/** An account with an active phone. */
export async function anOwner({ subscribers, database }: Store): Promise<Owner> {
  const [subscriberId, factorId, providerId] = [randomUUID(), randomUUID(), String(++phones)];
  await subscribers.insert({
    id: subscriberId,
    username: subscriberId,
    usernameKey: subscriberId,
    email: "somebody@example.com",
    passwordHash: "$old",
    lastSuccessAt: at(0),
    createdAt: at(0),
  });
  await database.getRepository<FactorRow>("factor").insert({
    ...{ id: factorId, subscriberId, providerId, type: "authy-push", state: "active" },
    ...{ createdAt: at(0), removedAt: null, removedUpstreamAt: null },
  });
  return { subscriberId, factorId, providerId };
}

/** An open attempt of an account's first epoch. */
export async function anAttempt({ attempts }: Store, owner: Owner, given: Partial<Attempt> = {}): Promise<string> {
  const id = randomUUID();
  await attempts.insert(
    {
      ...{ id, subscriberId: owner.subscriberId, epoch: 1, purpose: "sign-in", application: null, sessionId: null },
      ...{ browserHash: id, isKnownBrowser: true, asksMatchCode: false, browserLabel: "", address: "" },
      ...{ next: (given.purpose ?? "sign-in") === "sign-in" ? "/" : "", remember: false },
      ...{ createdAt: at(0), expiresAt: at(900_000) },
      ...given,
    },
    `key of ${id}`,
  );
  return id;
}

/** A challenge two minutes long, in the state asked for, with an attempt of its own. */
export async function aChallenge(store: Store, owner: Owner, given: Partial<Challenge> = {}): Promise<string> {
  const id = randomUUID();
  const attemptId = given.attemptId ?? (await anAttempt(store, owner));
  const inserted = await store.challenges.insert({
    ...{ id, attemptId, subscriberId: owner.subscriberId, browserHash: id, isKnownBrowser: true },
    ...{
      factorType: "authy-push" as const,
      factorId: owner.factorId,
      providerId: owner.providerId,
      providerRef: randomUUID(),
      state: "pending" as const,
    },
    ...{
      matchCodeHash: null,
      language: null,
      namedLabel: null,
      failure: null,
      createdAt: at(0),
      expiresAt: at(120_000),
      nextPollAt: at(2000),
    },
    ...given,
  });
  if (!inserted) throw new Error("the browser has a live challenge already");
  return id;
}

/** A living session of an account's first epoch, thirty minutes long. */
export async function aSession(store: Store, owner: Owner, given: Partial<StoredSession> = {}): Promise<string> {
  const id = randomUUID();
  await store.sessions.insert({
    ...{ id, keyHash: `key of ${id}`, subscriberId: owner.subscriberId, level: 2, epoch: 1, browserLabel: "" },
    ...{ address: "", challengeId: null, isRemembered: false, passwordAt: at(0), createdAt: at(0), seenAt: at(0) },
    ...{ idleUntil: at(1_800_000), expiresAt: at(43_200_000), data: "{}" },
    ...{ signInId: id, methods: ["pwd", "mca", "mfa"], authenticatedAt: at(0) },
    ...given,
  });
  return id;
}

/** How many of several attempts at the same thing won. */
export async function winners(attempts: readonly Promise<unknown>[]): Promise<number> {
  return (await Promise.all(attempts)).filter((won) => won === true).length;
}

/**
 * Lets every such change of a table fail once it is done, as when a process or a database dies between two statements.
 *
 * @param change - `INSERT ON table`, `UPDATE ON table`, `UPDATE OF column ON table` or `DELETE ON table`
 */
export async function whileRefused(database: DataSource, change: string, work: () => Promise<void>): Promise<void> {
  const isPostgres = database.options.type === "postgres";
  if (isPostgres)
    await database.query(
      "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$ LANGUAGE plpgsql",
    );
  const refuses = isPostgres ? "FOR EACH ROW EXECUTE FUNCTION refuse()" : "BEGIN SELECT RAISE(ABORT, 'refused'); END";
  await database.query(`CREATE TRIGGER refuses AFTER ${change} ${refuses}`);
  try {
    await work();
  } finally {
    await database.query(`DROP TRIGGER refuses${isPostgres ? ` ON ${change.split(" ON ")[1] ?? ""}` : ""}`);
  }
}
