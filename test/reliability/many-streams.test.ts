import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import Keygrip from "keygrip";

import { attempts } from "../../src/database/attempts.js";
import { challenges } from "../../src/database/challenges.js";
import { hashSecret } from "../../src/domain/secrets.js";
import { callbackBody, signCallback } from "../kit/authy.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { watchMachine } from "../kit/in-time.js";
import type { Program } from "../kit/program.js";
import { until } from "../kit/until.js";
import { startBalanced } from "./sign-ins.js";

/** How many browsers wait at once; a person may ask for more. */
const STREAMS = Number(process.env["RELIABILITY_STREAMS"] ?? 300);
const AT_ONCE = 50;
const CALLBACKS_AT_ONCE = 20;
const EVENT_WITHIN_MS = 5000;

interface Waiter {
  readonly browser: Browser;
  readonly id: string;
  readonly uuid: string;
}

/** A browser that waits for a request which a phone of its own shall answer; straight into the rows, for there are many. */
async function aWaiter({ site, env, database }: Program, n: number): Promise<Waiter> {
  const [attemptId, id, uuid, key] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const now = new Date();
  const expiresAt = new Date(now.getTime() + 600_000);
  const who = { subscriberId: `s${n}`, browserHash: `b${n}`, isKnownBrowser: true };
  await attempts(database).insert(
    {
      ...{
        ...who,
        id: attemptId,
        epoch: 1,
        purpose: "sign-in",
        application: null,
        sessionId: null,
        asksMatchCode: false,
      },
      ...{ browserLabel: "", address: "", next: "/", remember: false, createdAt: now, expiresAt },
    },
    hashSecret(key),
  );
  await challenges(database).insert({
    ...{
      ...who,
      id,
      attemptId,
      factorType: "authy-push",
      factorId: "f",
      providerId: "77",
      providerRef: uuid,
      state: "pending",
    },
    ...{
      matchCodeHash: null,
      language: null,
      namedLabel: null,
      failure: null,
      createdAt: now,
      expiresAt,
      nextPollAt: expiresAt,
    },
  });
  const browser = openBrowser(site);
  const cookie = `countersign-attempt=${key}`;
  browser.cookies.set("countersign-attempt", key);
  browser.cookies.set("countersign-attempt.sig", new Keygrip([env["SESSION_KEYS"] ?? ""], "sha256").sign(cookie));
  return { browser, id, uuid };
}

describe("many streams", () => {
  it(
    `F8: with ${STREAMS} streams open, each gets its event within 5 s while Redis restarts`,
    { timeout: 300_000 + STREAMS * 100 },
    async (t) => {
      const program = await startBalanced(t, { workers: 0 });
      const { site, env, redis } = program;
      const key = env["AUTHY_PRODUCTION_API_KEY"] ?? "";
      const memoryBefore = await metric(site, "process_resident_memory_bytes");
      const opened = new Set<string>();
      const told = new Map<string, number>();
      const ends: Promise<unknown>[] = [];
      const waiters: Waiter[] = [];
      for (let n = 0; n < STREAMS; n++) {
        const waiter = await aWaiter(program, n);
        waiters.push(waiter);
        const hear = (status: string): void => {
          opened.add(waiter.id);
          if (status !== "pending") told.set(waiter.id, performance.now());
        };
        ends.push(waiter.browser.watch(`/challenges/${waiter.id}/events`, hear).end);
        if (n % AT_ONCE === AT_ONCE - 1) await until(() => opened.size > n, "some streams told nothing", 120_000);
      }
      await until(
        async () => (await metric(site, "open_event_streams")) === STREAMS,
        "not all streams opened",
        120_000,
      );
      const memory = (await metric(site, "process_resident_memory_bytes")) - memoryBefore;

      const settled = new Map<string, number>();
      const left = [...waiters];
      const url = `${site}/webhooks/authy/onetouch`;
      const call = async (): Promise<void> => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) {
          const { headers, body } = signCallback(callbackBody(next.uuid, 77, "approved"), { key, url });
          const answer = await fetch(url, { method: "POST", headers, body });
          assert.equal(answer.status, 200);
          settled.set(next.id, performance.now());
        }
      };
      const machine = watchMachine();
      await redis.kill();
      const calling = Promise.all(Array.from({ length: CALLBACKS_AT_ONCE }, call));
      await Promise.race([
        calling,
        until(() => settled.size >= STREAMS / 2, "half of the callbacks were not answered", 120_000),
      ]);
      await redis.restart();
      await calling;
      await Promise.all(ends);
      machine.stop();
      const delays = waiters.map(({ id }) => Math.max(0, (told.get(id) ?? Infinity) - (settled.get(id) ?? 0)));
      delays.sort((a, b) => a - b);
      const [half, slowest] = [delays[Math.floor(delays.length / 2)] ?? 0, delays.at(-1) ?? 0];
      const each = Math.round(memory / STREAMS / 100) / 10;
      t.diagnostic(
        `${STREAMS} streams, ${each} kB each; event after p50 ${Math.round(half)} ms, slowest ${Math.round(slowest)} ms`,
      );
      assert.equal(told.size, STREAMS);
      assert.ok(
        slowest < EVENT_WITHIN_MS + machine.allowedMs(EVENT_WITHIN_MS),
        `the slowest event came after ${slowest} ms`,
      );
    },
  );
});

async function metric(site: string, name: string): Promise<number> {
  const text = await fetch(`${site}/metrics`).then((answer) => answer.text());
  return Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1]);
}
