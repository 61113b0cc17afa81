import { randomUUID } from "node:crypto";
import { Agent } from "node:http";
import { hash } from "@node-rs/argon2";

import { registrationUrl } from "../../kit/authy.js";
import { type Browser, type BrowserSettings, openBrowser } from "../../kit/browser.js";
import { newOwner, type Owner } from "../../kit/owner.js";
import type { PhoneRequest } from "../../kit/phone.js";
import { type Program, startProgram } from "../../kit/program.js";
import { until } from "../../kit/until.js";

export const PASSWORD = "violet harbour lantern nine";

/** An account that was put into the database, with a phone that the sandbox knows. */
export interface Target {
  readonly id: string;
  readonly username: string;
  readonly authyId: number;
}

/** A web process with a database, a Redis and an Authy of its own, to be attacked. Whatever an attack starts besides belongs to it, too. */
export interface AttackedProgram extends Owner {
  readonly program: Program;
  readonly site: string;
  readonly apiKey: string;
  readonly callbackUrl: string;
  /** Opens a browser that keeps its connections; at another web process where its address is given. */
  openBrowser(settings?: BrowserSettings, site?: string): Browser;
  /** Puts accounts into the database, all with PASSWORD; hashed at full strength when asked for. */
  addTargets(count: number, options?: TargetSettings): Promise<Target[]>;
  addTarget(options?: TargetSettings): Promise<Target>;
  /** The owner's own browser: signed in here before, so that it is known. */
  ownersBrowser(target: Target): Promise<Browser>;
}

export interface TargetSettings {
  readonly withPhone?: boolean;
  readonly fullStrength?: boolean;
}

/** Attackers come from other addresses. */
const OWNERS_ADDRESS = "192.0.2.1";

const closing = new Set<() => Promise<void>>();
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/**
 * Starts everything, attacks it, and ends all of it, whatever went wrong and where.
 * @param env - Limits that would only slow the attack down are off unless this sets them.
 */
export async function attackProgram<T>(
  env: Readonly<Record<string, string>>,
  attack: (attacked: AttackedProgram) => Promise<T>,
): Promise<T> {
  const owner = newOwner();
  const opening = openAttacked(owner, env);
  let closed: Promise<void> | undefined;
  // Not while it opens: what starts then would have nobody to end it.
  const close = (): Promise<void> => (closed ??= opening.then(ignore, ignore).then(() => owner.end()));
  closing.add(close);
  try {
    return await attack(await opening);
  } finally {
    await close();
    closing.delete(close);
  }
}

/** Ends what is open in the midst of an attack, which then fails. */
export async function closeAttacked(): Promise<void> {
  await Promise.all(Array.from(closing, (close) => close()));
}

function ignore(): void {}

async function openAttacked(owner: Owner, env: Readonly<Record<string, string>>): Promise<AttackedProgram> {
  const program = await startProgram(owner, {
    ...{ workers: 0, withWebhooks: false, keepLines: 50 },
    env: { LOG_LEVEL: "error", LIMIT_LOGINS: "0", LIMIT_HASHES_QUEUED: "1000", ...env },
  });
  const { rows, phone, site } = program;
  const setting = (name: string): string => program.env[name] ?? "";
  const apiKey = setting("AUTHY_PRODUCTION_API_KEY");
  let people = 0;

  const attacked: AttackedProgram = {
    after: (end) => {
      owner.after(end);
    },
    ...{ program, site, apiKey, callbackUrl: setting("AUTHY_CALLBACK_URL") },
    openBrowser: (settings, at = site) => openBrowser(at, { agent, ...settings }),
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
        let authyId = 0;
        if (withPhone) {
          authyId = await phone.scan(registrationUrl(apiKey, setting("AUTHY_APP_NAME"), setting("AUTHY_APP_ID")));
          rows.run(
            `INSERT INTO factors (id, subscriber_id, type, authy_id, state, created_at)
             VALUES (?, ?, 'authy-push', ?, 'active', ?)`,
            ...[randomUUID(), id, String(authyId), now],
          );
        }
        targets.push({ id, username, authyId });
      }
      return targets;
    },
    async addTarget(options) {
      const [target] = await attacked.addTargets(1, options);
      if (target === undefined) throw new Error("no target");
      return target;
    },
    async ownersBrowser(target) {
      const browser = attacked.openBrowser({ address: OWNERS_ADDRESS });
      await browser.post("/login", { username: target.username, password: PASSWORD });
      const code = await phone.code(target.authyId);
      const entered = await browser.post("/login/code", { code });
      if (entered.status !== 303) throw new Error(`the owner's first sign-in answered ${entered.status}`);
      await browser.post("/logout");
      return browser;
    },
  };
  return attacked;
}

/** How often the owner tried to sign in while an attack went on, and how often it worked. */
export interface OwnersTries {
  readonly tried: number;
  readonly gotIn: number;
  /** Signs in and out again; one after another, since it is one browser. */
  once(): Promise<void>;
}

/** @param browser - One that the account knows. */
export function ownersTries({ program }: AttackedProgram, browser: Browser, target: Target): OwnersTries {
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
        if (await ownerGetsIn(program, browser, target)) gotIn += 1;
        await browser.post("/logout");
      });
      return turn;
    },
  };
}

async function ownerGetsIn({ phone }: Program, browser: Browser, target: Target): Promise<boolean> {
  const earlier = new Set((await phone.requests(target.authyId)).map(({ uuid }) => uuid));
  const sent = await browser.post("/login", { username: target.username, password: PASSWORD });
  if (sent.location !== "/login/approval") return false;
  // Strangers' requests may come at the same moment: the owner knows their own by where it comes from.
  const isOwn = ({ uuid, details }: PhoneRequest): boolean => !earlier.has(uuid) && details["From"] === OWNERS_ADDRESS;
  const own = (await phone.requests(target.authyId)).find(isOwn);
  if (own === undefined) return false;
  await phone.answer(own.uuid, "approve");
  const isFinished = async (): Promise<boolean> => {
    const { status, location } = await browser.post("/login/approval/finish");
    return status === 303 && !location.startsWith("/login");
  };
  await until(isFinished, "the approval was not heard of").catch(ignore);
  return (await browser.get("/account")).status === 200;
}
