import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type ChildProcess, spawn } from "node:child_process";

import { openDatabase } from "../../../src/database/data-source.js";
import { databaseRows } from "../../../src/database/rows.js";
import { FINAL_FAULTS, MAIL_FAULTS, startFaultyMailServer } from "../../kit/faulty-mail-server.js";
import type { Owner } from "../../kit/owner.js";
import { seededRandom } from "../../kit/random.js";
import { until } from "../../kit/until.js";
import { newSender } from "./sender.js";

export interface OutboxTrial {
  readonly events: number;
  readonly faults: number;
  readonly seed: number;
  /** How long each fault lasts. */
  readonly faultMs: number;
  /** Whether senders are processes of their own, killed by their ids; else their rows refuse to be written. */
  readonly withProcesses: boolean;
}

export interface OutboxOutcome {
  readonly events: number;
  readonly faults: number;
  readonly kills: number;
  /** Events of which no message arrived. */
  readonly lost: number;
  /** Further copies under the Message-ID of the first. */
  readonly copies: number;
  /** Events that were told of under two Message-IDs. */
  readonly doubled: number;
  readonly seconds: number;
}

const ACCOUNTS = 40;
const SENDERS = 2;

/** Records events while the mail server fails in every way that says nothing about a message, and senders are killed. */
export async function tryOutbox(owner: Owner, trial: OutboxTrial, say: (line: string) => void): Promise<OutboxOutcome> {
  const startedAt = performance.now();
  const random = seededRandom(trial.seed).next;
  const server = await startFaultyMailServer(owner);
  const url = `sqlite:${path.join(mkdtempSync(path.join(tmpdir(), "countersign-outbox-")), "outbox.sqlite")}`;
  const database = await openDatabase(url);
  owner.after(() => database.destroy());
  await database.runMigrations();
  const rows = databaseRows(database, true);
  const accounts = Array.from({ length: ACCOUNTS }, () => randomUUID());
  for (const id of accounts) {
    const names = { username: id.slice(0, 20), usernameKey: id.slice(0, 20), email: `${id}@example.com` };
    await rows.subscribers.insert({ id, ...names, passwordHash: "", lastSuccessAt: new Date(), createdAt: new Date() });
  }
  const start = trial.withProcesses ? startProcess : startInside;
  const senders = Array.from({ length: SENDERS }, () => start(url, server.url));
  owner.after(async () => {
    for (const sender of senders) await sender.kill();
  });

  let [kills, isOver] = [0, false];
  const faults = (async () => {
    const kinds = [...MAIL_FAULTS.filter((fault) => !FINAL_FAULTS.includes(fault)), "kill", "kill", "kill"] as const;
    for (let n = 0; n < trial.faults; n++) {
      const kind = kinds[n < kinds.length ? n : Math.floor(random() * kinds.length)] ?? "kill";
      if (kind === "kill") {
        const at = Math.floor(random() * SENDERS);
        // In the middle of a conversation: one whose last byte has arrived, and whose answer is still on its way.
        server.fault = "stands-still-after-data";
        const before = server.arrived.length;
        await Promise.race([until(() => server.arrived.length > before, "a message"), wait(trial.faultMs)]).catch(
          () => undefined,
        );
        await senders[at]?.kill();
        senders[at] = start(url, server.url);
        kills += 1;
      } else {
        server.fault = kind;
        await wait(trial.faultMs);
      }
      server.fault = "well";
      await wait(trial.faultMs / 3);
      if (n % 10 === 9) say(`${n + 1} faults, ${server.arrived.length} messages have arrived`);
    }
    isOver = true;
  })();

  const pauseMs = (trial.faults * trial.faultMs * 1.2) / trial.events;
  for (let n = 0; n < trial.events; n++) {
    const subscriberId = accounts[n % ACCOUNTS] ?? "";
    await rows.transaction(({ audit }) =>
      audit.record({
        ...{ subscriberId, kind: "password-changed", at: new Date(), detail: String(n) },
        origin: { address: "192.0.2.1", browserLabel: "Firefox on Linux" },
        mails: [{ kind: "password-changed" }],
      }),
    );
    if (pauseMs >= 1) await wait(pauseMs);
  }
  await faults;
  await until(async () => isOver && (await rows.mails.counts()).due === 0, "every message was sent", 300_000);

  const sent = await database.query<{ id: string; event_id: string }[]>("SELECT id, event_id FROM mails");
  const eventOf = new Map(sent.map(({ id, event_id }) => [`<${id}@example.com>`, event_id]));
  const idsOf = new Map<string, Set<string>>();
  for (const { headers } of server.arrived) {
    const messageId = headers["message-id"] ?? "";
    const event = eventOf.get(messageId) ?? "none";
    idsOf.set(event, (idsOf.get(event) ?? new Set()).add(messageId));
  }
  const distinct = [...idsOf.values()].reduce((sum, ids) => sum + ids.size, 0);
  return {
    ...{ events: trial.events, faults: trial.faults, kills },
    lost: trial.events - [...idsOf.keys()].filter((event) => event !== "none").length,
    copies: server.arrived.length - distinct,
    doubled: [...idsOf].filter(([event, ids]) => event === "none" || ids.size > 1).length,
    seconds: Math.round((performance.now() - startedAt) / 1000),
  };
}

interface Sender {
  kill(): Promise<void>;
}

function startProcess(databaseUrl: string, smtpUrl: string): Sender {
  const program = path.join(import.meta.dirname, "sender.ts");
  const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", program, databaseUrl, smtpUrl], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    kill() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

function startInside(databaseUrl: string, smtpUrl: string): Sender {
  const sender = newSender(databaseUrl, smtpUrl);
  return { kill: () => sender.die() };
}
