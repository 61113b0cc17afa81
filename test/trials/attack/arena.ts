import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { hash } from "@node-rs/argon2";

import { createSandbox } from "../../../sandbox/app.js";
import { type Owner } from "../../kit/owner.js";
import { type End, endAll } from "../../kit/end-all.js";
import { freePort } from "../../kit/ports.js";
import { findRedisServer, startPrivateRedis } from "../../kit/private-redis.js";
import { migrate, startWeb, type StartSettings } from "../../kit/processes.js";
import { openPhone, type Phone, registrationUrl, type Ring } from "./phone.js";
import { openRows, type Rows } from "./rows.js";
import { openWire, type Wire, type WireSettings } from "./wire.js";

export const PASSWORD = "violet harbour lantern nine";

/** An account that was put into the database, with a phone that the sandbox knows. */
export interface Target {
  readonly id: string;
  readonly username: string;
  readonly authyId: number;
}

/**
 * The real web process on loopback with a database, a Redis and an Authy of its own, to be attacked. Whatever an attack
 * starts besides belongs to it, too, and ends first.
 */
export interface Arena extends Owner {
  /** The first web process, and how browsers reach it. */
  readonly site: string;
  readonly webPid: number;
  /** A second web process on the same database, as behind a balancer. @returns its address. */
  addWeb(): Promise<string>;
  readonly rows: Rows;
  readonly phone: Phone;
  readonly apiKey: string;
  readonly callbackUrl: string;
  wire(settings?: WireSettings): Wire;
  /** Puts accounts into the database, all with PASSWORD; hashed at full strength when asked for. */
  addTargets(count: number, options?: TargetSettings): Promise<Target[]>;
  addTarget(options?: TargetSettings): Promise<Target>;
  /** The owner's own browser: signed in here before, so that it is known. */
  ownersBrowser(target: Target): Promise<Wire>;
  /** All that ever rang on a phone. */
  rings(target: Target): Promise<Ring[]>;
}

export interface TargetSettings {
  readonly withPhone?: boolean;
  readonly fullStrength?: boolean;
}

/** Strangers come from elsewhere. */
const OWNERS_ADDRESS = "192.0.2.1";

const open = new Set<() => Promise<void>>();
const pids = new Set<number>();

/**
 * Starts everything, attacks it, and ends all of it, whatever went wrong and where.
 * @param env - Limits that would only slow the attack down are off unless this sets them.
 */
export async function withArena<T>(
  env: Readonly<Record<string, string>>,
  attack: (arena: Arena) => Promise<T>,
): Promise<T> {
  const ends: End[] = [];
  const opening = openArena(env, { after: (end) => ends.push(end) });
  let closed: Promise<void> | undefined;
  // Not while it opens: what starts then would have nobody to end it.
  const close = (): Promise<void> => (closed ??= opening.then(ignore, ignore).then(() => endAll(ends)));
  open.add(close);
  try {
    return await attack(await opening);
  } finally {
    await close();
    open.delete(close);
  }
}

/** Ends what is open in the midst of an attack, which then fails. */
export async function closeArenas(): Promise<void> {
  await Promise.all(Array.from(open, (close) => close()));
}

function ignore(): void {}

/** Whoever started this process ends what is still there when it is killed outright. */
function keep(owner: Owner, program: { readonly pid: number; stop(): Promise<unknown> }): void {
  const tellParent = (): void => {
    if (process.connected) process.send?.({ started: [...pids] }, () => undefined);
  };
  pids.add(program.pid);
  tellParent();
  owner.after(async () => {
    await program.stop();
    pids.delete(program.pid);
    tellParent();
  });
}

async function openArena(env: Readonly<Record<string, string>>, owner: Owner): Promise<Arena> {
  const program = findRedisServer();
  if (program === undefined) throw new Error("there is no redis-server or valkey-server on PATH");
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-attack-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const apiKey = randomBytes(16).toString("hex");
  const port = await freePort();
  const redis = await startPrivateRedis(program, path.join(folder, "redis"));
  keep(owner, redis);
  const site = `http://localhost:${port}`;
  const callbackUrl = `${site}/webhooks/authy/onetouch`;
  const authy = createSandbox({ apiKey, port: 0, callbackUrl, logLevel: "silent" });
  const authyUrl = await authy.listen();
  owner.after(() => authy.close());
  const databaseUrl = `sqlite:${path.join(folder, "attack.sqlite")}`;
  const settings: StartSettings = {
    keepLines: 50,
    onStart: (part) => {
      keep(owner, part);
    },
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      TMPDIR: process.env["TMPDIR"],
      // By this the tests find processes that outlived them.
      COUNTERSIGN_TEST_RUN: process.env["COUNTERSIGN_TEST_RUN"],
      NODE_ENV: "development",
      PUBLIC_URL: site,
      SESSION_KEYS: randomBytes(32).toString("hex"),
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.url,
      AUTHY_APP_NAME: "Attacked",
      AUTHY_APP_ID: "359137",
      AUTHY_PRODUCTION_API_KEY: apiKey,
      AUTHY_API_URL: authyUrl,
      AUTHY_WEBHOOK_SIGNING_KEY: `WSK_${apiKey}`,
      LOG_LEVEL: "error",
      LIMIT_LOGINS: "0",
      LIMIT_LOGINS_PER_ADDRESS: "0",
      LIMIT_REGISTRATIONS_PER_ADDRESS: "0",
      LOOP_LAG_SHED_MS: "0",
      LIMIT_HASHES_QUEUED: "1000",
      ARGON2_TEST_STRENGTH: "true",
      LOGIN_FLOOR_MS: "0",
      ...env,
    },
  };
  await migrate(settings);
  const web = await startWeb({ ...settings, port });
  const rows = openRows(databaseUrl);
  owner.after(() => {
    rows.close();
  });
  const phone = openPhone(authyUrl);
  let people = 0;

  const arena: Arena = {
    after: (end) => {
      owner.after(end);
    },
    site,
    webPid: web.pid,
    rows,
    phone,
    apiKey,
    callbackUrl,
    async addWeb() {
      const another = await freePort();
      await startWeb({ ...settings, port: another });
      return `http://localhost:${another}`;
    },
    wire: (wireSettings) => openWire(site, wireSettings),
    async addTargets(count, { withPhone = true, fullStrength = false } = {}) {
      const strength = fullStrength ? { memoryCost: 19_456, timeCost: 2 } : { memoryCost: 64, timeCost: 1 };
      const passwordHash = await hash(PASSWORD, { ...strength, parallelism: 1 });
      const targets: Target[] = [];
      for (let made = 0; made < count; made += 1) {
        people += 1;
        const [id, username] = [randomUUID(), `target-${people}`];
        const now = new Date().toISOString().replace("T", " ").replace("Z", "");
        rows.run(
          `INSERT INTO subscribers (id, username, username_key, email, password_hash, epoch, must_change_password,
             last_success_at, created_at) VALUES (?, ?, ?, ?, ?, 1, 0, ?, ?)`,
          ...[id, username, username, `${username}@example.com`, passwordHash, now, now],
        );
        const authyId = withPhone ? await phone.scan(registrationUrl(apiKey, "Attacked", "359137")) : 0;
        if (withPhone) rows.addPhone(username, authyId);
        targets.push({ id, username, authyId });
      }
      return targets;
    },
    async addTarget(options) {
      const [target] = await arena.addTargets(1, options);
      if (target === undefined) throw new Error("no target");
      return target;
    },
    async ownersBrowser(target) {
      const wire = arena.wire({ address: OWNERS_ADDRESS });
      await wire.post("/login", { username: target.username, password: PASSWORD });
      const code = await phone.code(target.authyId);
      const entered = await wire.post("/login/code", { code });
      if (entered.status !== 303) throw new Error(`the owner's first sign-in answered ${entered.status}`);
      await wire.post("/logout");
      return wire;
    },
    rings: (target) => phone.rings(target.authyId),
  };
  return arena;
}

/** How often the owner tried to sign in while an attack went on, and how often it worked. */
export interface OwnersTries {
  readonly tried: number;
  readonly gotIn: number;
  /** Signs in and out again; one after another, since it is one browser. */
  once(): Promise<void>;
}

/** @param wire - A browser that the account knows. */
export function ownersTries(arena: Arena, wire: Wire, target: Target): OwnersTries {
  let [tried, gotIn] = [0, 0];
  let turn: Promise<void> = Promise.resolve();
  return {
    get tried() {
      return tried;
    },
    get gotIn() {
      return gotIn;
    },
    once() {
      turn = turn.then(async () => {
        tried += 1;
        if (await ownerGetsIn(arena, wire, target)) gotIn += 1;
        await wire.post("/logout");
      });
      return turn;
    },
  };
}

function isOwn(details: Ring["details"]): boolean {
  return details["From"] === OWNERS_ADDRESS;
}

async function ownerGetsIn(arena: Arena, wire: Wire, target: Target): Promise<boolean> {
  const rangBefore = new Set((await arena.rings(target)).map(({ uuid }) => uuid));
  const sent = await wire.post("/login", { username: target.username, password: PASSWORD });
  if (sent.location !== "/login/approval") return false;
  // The phone may ring for strangers at the same moment: the owner knows their own request by where it comes from.
  const ring = (await arena.rings(target)).find(({ uuid, details }) => !rangBefore.has(uuid) && isOwn(details));
  if (ring === undefined) return false;
  await arena.phone.answer(ring.uuid, "approve");
  for (let tries = 0; tries < 100; tries += 1) {
    const finished = await wire.post("/login/approval/finish");
    if (!finished.location.startsWith("/login")) break;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return (await wire.get("/account")).status === 200;
}
