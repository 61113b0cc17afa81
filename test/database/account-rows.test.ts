import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import type { ObjectLiteral } from "typeorm";

import { HOLDINGS } from "../../src/database/account-rows.js";
import { entities } from "../../src/database/schema.js";
import type { Deps } from "../../src/domain/deps.js";
import { eraseAccount, eraseClosedAccounts } from "../../src/domain/close-account.js";
import { at, onBothDatabases, type Store, whileRefused } from "./both.js";

/** What no export shows: hashes, keys, secrets, what opens something, and what only the program has a use for. */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  totpSecret: ["sealed", "lastStep"],
  passkey: ["publicKey", "counter"],
  passkeyUser: ["subscriberId"],
  phoneKey: ["secretHash", "keyHash", "credentialHash", "credentialId", "credentialKey"],
  pushSubscription: ["endpoint", "p256dh", "auth", "vapid"],
  enrolment: ["subscriberId", "sessionId", "epoch", "version", "nextPollAt", "leaseUntil"],
  attemptKey: ["keyHash"],
  attempt: ["subscriberId", "epoch", "browserHash"],
  challenge: ["subscriberId", "browserHash", "providerRef", "version", "matchCodeHash", "nextPollAt", "leaseUntil"],
  session: ["keyHash", "subscriberId", "epoch", "data"],
  browser: ["subscriberId", "keyHash"],
  recoveryCode: ["subscriberId", "codeHash"],
  oidcRecord: ["id", "grantId", "subscriberId", "epoch", "payload", "userCodeHash"],
  gateTicket: ["keyHash", "subscriberId", "visitHash"],
  gateSession: ["keyHash", "subscriberId"],
  membership: ["subscriberId"],
  link: ["tokenHash", "mailId", "subscriberId", "epoch"],
  mail: ["id", "eventId", "subscriberId", "epoch", "leaseUntil"],
  resetRequest: ["id"],
  receipt: ["signatureHash"],
  failure: [],
  factor: ["subscriberId"],
  logoutNotice: ["id", "subscriberId"],
  audit: ["id", "subscriberId"],
  subscriber: ["usernameKey", "passwordHash", "epoch"],
};

/** Rows that are about no account. */
const OF_NOBODY = [
  ...["spentChallenge", "client", "clientSecret", "signingKey", "application", "applicationGroup", "site"],
];

describe("what hangs on an account", () => {
  const tables = entities(false).map(({ options }) => options);

  it("C3 is every table but those that are about nobody", () => {
    assert.deepEqual(
      tables.map(({ name }) => name).sort(),
      [...HOLDINGS.map(({ entity }) => entity), ...OF_NOBODY].sort(),
    );
  });

  it("C5 is shown column by column, or is known to be nobody's business", () => {
    for (const { entity, shown } of HOLDINGS) {
      const columns = Object.keys(tables.find(({ name }) => name === entity)?.columns ?? {});
      assert.deepEqual([...shown, ...(HIDDEN[entity] ?? [])].sort(), columns.sort(), entity);
    }
  });
});

interface Somebody {
  readonly id: string;
  readonly username: string;
  readonly factorId: string;
  /** What stands in the columns that no export shows. */
  readonly secrets: readonly string[];
}

/** Somebody with one row of every kind, whose texts stand nowhere else. */
async function somebody({ database }: Store, given: ObjectLiteral = {}): Promise<Somebody> {
  const [id, factorId, attemptId, browserId] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const username = `u${id.slice(0, 8)}`;
  const email = `${username}@example.com`;
  const providerId = factorId.slice(0, 20);
  const known: Readonly<Record<string, ObjectLiteral>> = {
    subscriber: { id, username, usernameKey: username, email, closedAt: null, disabledAt: null, ...given },
    factor: { id: factorId, type: "authy-push", providerId, state: "active", removedAt: null, removedUpstreamAt: null },
    attempt: { id: attemptId, state: "ended" },
    browser: { id: browserId },
    phoneKey: { id: factorId },
    attemptKey: { attemptId },
    failure: { bucket: `browser:${browserId}` },
    resetRequest: { typed: email.toUpperCase() },
    receipt: { providerId },
    mail: { kind: "new-browser", state: "due", recipient: email },
    audit: { kind: "notifications-ended", exactKind: null, detail: `phone of ${username}` },
    oidcRecord: { model: "Grant", signInId: null },
  };
  const secrets: string[] = [];
  for (const entity of new Set([...Object.keys(known), ...HOLDINGS.map((holding) => holding.entity)])) {
    const rows = database.getRepository<ObjectLiteral>(entity);
    const row: ObjectLiteral = {};
    for (const { propertyName: name, type, length } of rows.metadata.columns) {
      const set: ObjectLiteral = { subscriberId: id, factorId, ...known[entity] };
      if (name in set) row[name] = set[name] as unknown;
      else if (type === "boolean") row[name] = false;
      else if (type === "integer" || type === "bigint") row[name] = 1;
      else if (type === "datetime" || type === "timestamptz") row[name] = at(0);
      else row[name] = randomUUID().slice(0, Number(length) || 60);
      if (!(name in set) && typeof row[name] === "string" && HIDDEN[entity]?.includes(name) === true)
        secrets.push(row[name]);
    }
    await rows.insert(row);
  }
  return { id, username, factorId, secrets };
}

/** The rows of every table, as texts. */
async function everything({ database }: Store): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>();
  for (const { name } of database.entityMetadatas)
    all.set(
      name,
      (await database.getRepository<ObjectLiteral>(name).find()).map((row) => JSON.stringify(row)),
    );
  return all;
}

/** Where any of these texts stands. */
function tablesWith(all: Map<string, string[]>, ...texts: string[]): string[] {
  return [...all]
    .filter(([, rows]) => rows.some((row) => texts.some((text) => row.includes(text))))
    .map(([name]) => name);
}

const GRACE_SECONDS = 60;

function depsOf(store: Store, now = at(0)): Deps {
  return {
    ...store,
    now: () => now,
    settings: { closeGraceSeconds: GRACE_SECONDS },
    log: { info: () => undefined },
    feed: { changed: () => undefined },
  } as unknown as Deps;
}

onBothDatabases("an account that ends", (store) => {
  it("C3 leaves nothing but its history, under another id and without addresses and names, and what is owed", async () => {
    const [gone, other] = [await somebody(store()), await somebody(store())];
    const before = await everything(store());
    const account = await store().subscribers.find(gone.id);
    assert.ok(account);
    assert.equal(await eraseAccount(depsOf(store()), account, "operator"), true);

    const after = await everything(store());
    assert.deepEqual(tablesWith(after, gone.id), ["logoutNotice"], "an application is told of it yet");
    assert.deepEqual(tablesWith(after, gone.username).sort(), ["mail"], "the messages that are owed have an address");
    assert.deepEqual(tablesWith(after, gone.factorId), ["factor"], "Authy is told of it yet");
    assert.deepEqual(tablesWith(after, ...gone.secrets).sort(), ["audit", "logoutNotice", "mail"], "their own ids");
    for (const [table, rows] of before) {
      const isOthers = (row: string): boolean => row.includes(other.id) || row.includes(other.factorId);
      assert.deepEqual(after.get(table)?.filter(isOthers), rows.filter(isOthers), table);
    }
    const history = (after.get("audit") ?? []).filter((row) => !row.includes(other.id));
    assert.equal(history.length, 2);
    for (const row of history) assert.match(row, /"address":"","browserLabel":""/);
    assert.equal(await eraseAccount(depsOf(store()), account, "operator"), false);
  });

  it("C3 is gone with all of it or with nothing", async () => {
    const gone = await somebody(store());
    const account = await store().subscribers.find(gone.id);
    assert.ok(account);
    const before = await everything(store());
    await whileRefused(store().database, "DELETE ON subscribers", async () => {
      await assert.rejects(eraseAccount(depsOf(store()), account, "operator"));
    });
    assert.deepEqual(await everything(store()), before);
  });

  it("C2 C3 is erased once its time is over, unless somebody signed in since", async () => {
    const closedAt = at(1000);
    const [gone, back, late] = [
      await somebody(store(), { closedAt }),
      await somebody(store(), { closedAt, strangersSuccessAt: at(2000) }),
      await somebody(store(), { closedAt: at(2000) }),
    ];
    await eraseClosedAccounts(depsOf(store(), at(1000 + GRACE_SECONDS * 1000)));
    assert.equal(await store().subscribers.find(gone.id), null);
    assert.equal((await store().subscribers.find(back.id))?.closedAt, null, "by a process of the release before");
    assert.deepEqual((await store().subscribers.find(late.id))?.closedAt, at(2000));
  });

  it("C2 stays where somebody signs in between the worker's look and its transaction", async () => {
    const { id } = await somebody(store(), { closedAt: at(1000), epoch: 1 });
    const deps = depsOf(store(), at(10_000_000));
    const findClosed: Deps["subscribers"]["findClosed"] = async (...given) => {
      const found = await deps.subscribers.findClosed(...given);
      await store().subscribers.noteSuccess(id, 1, true, at(2000));
      await store().subscribers.reopen(id);
      return found;
    };
    await eraseClosedAccounts({ ...deps, subscribers: { ...deps.subscribers, findClosed } });
    assert.equal((await store().subscribers.find(id))?.closedAt, null);
  });

  it("C2 is erased or taken back, and never both", async () => {
    for (let round = 0; round < 20; round++) {
      const { id } = await somebody(store(), { closedAt: at(1000), epoch: 1 });
      const signIn = store().transaction(async ({ subscribers }) => {
        if (!(await subscribers.noteSuccess(id, 1, true, at(2000)))) return false;
        return subscribers.reopen(id);
      });
      const erase = eraseClosedAccounts(depsOf(store(), at(10_000_000)));
      const isBack = (await Promise.all([signIn, erase]))[0];
      assert.equal((await store().subscribers.find(id)) !== null, isBack);
    }
  });

  it("C5 shows all that is kept about it, and no secret", async () => {
    const { id, username, secrets } = await somebody(store());
    await somebody(store());
    const kept = await store().accountRows.read(id);
    assert.deepEqual(Object.keys(kept).sort(), HOLDINGS.map(({ name }) => name).sort());
    for (const [name, rows] of Object.entries(kept)) assert.equal(rows.length, 1, name);
    const text = JSON.stringify(kept);
    assert.match(text, new RegExp(`${username}@example.com`));
    assert.ok(secrets.length > 30);
    for (const secret of secrets) assert.equal(text.includes(secret), false, secret);
  });
});
