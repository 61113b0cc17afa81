import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";

import type { Random } from "../../kit/random.js";
import type { Program, ProgramProcess } from "../../kit/program.js";
import type { PushServer } from "../../kit/push-server.js";

/** Something that goes wrong, and is mended by the time its promise resolves. */
export interface Fault {
  readonly name: string;
  strike(): Promise<void>;
}

/** What befalls processes, Redis and the database. */
export function processFaults(program: Program, random: Random): Fault[] {
  const { webs, workers, redis } = program;
  const kill = async (...places: readonly ProgramProcess[]): Promise<void> => {
    await Promise.all(places.map((place) => place.kill()));
    await Promise.all(places.map(startAgain));
  };
  const stop = async (place: ProgramProcess): Promise<void> => {
    const { code } = await place.stop();
    if (code !== 0) throw new Error(`${place.name} ended with ${code ?? "a signal"} after SIGTERM`);
    await startAgain(place);
  };
  const freeze = async (place: ProgramProcess, ms: number): Promise<void> => {
    const { pid } = place;
    process.kill(pid, "SIGSTOP");
    await wait(ms);
    process.kill(pid, "SIGCONT");
  };
  return [
    { name: "web killed", strike: () => kill(random.pick(webs)) },
    { name: "worker killed", strike: () => kill(random.pick(workers)) },
    { name: "both webs killed", strike: () => kill(...webs) },
    { name: "both workers killed", strike: () => kill(...workers) },
    { name: "web restarted", strike: () => stop(random.pick(webs)) },
    { name: "worker restarted", strike: () => stop(random.pick(workers)) },
    { name: "web frozen", strike: () => freeze(random.pick(webs), random.between(500, 2500)) },
    { name: "worker frozen", strike: () => freeze(random.pick(workers), random.between(1000, 5000)) },
    {
      name: "Redis killed",
      async strike() {
        await redis.kill();
        await wait(random.between(200, 3000));
        await redis.restart();
      },
    },
    { name: "Redis emptied", strike: () => redis.flush() },
    {
      name: "Redis frozen",
      async strike() {
        redis.freeze();
        await wait(random.between(1000, 4000));
        redis.thaw();
      },
    },
    databaseFault(program, random),
  ];
}

/** On a machine that is too busy a start may take its minute twice. */
async function startAgain(place: ProgramProcess): Promise<void> {
  try {
    await place.start();
  } catch (error) {
    console.error(`${place.name} is started once more: ${error instanceof Error ? error.message : ""}`);
    await place.start();
  }
}

function databaseFault({ postgres, env }: Program, random: Random): Fault {
  if (postgres !== undefined)
    return {
      name: "PostgreSQL killed",
      async strike() {
        await postgres.kill();
        await wait(random.between(200, 2500));
        await postgres.restart();
      },
    };
  return {
    name: "SQLite locked",
    async strike() {
      const other = new Database(env["DATABASE_URL"]?.replace(/^sqlite:/, ""), { timeout: 0 });
      try {
        await patientlyLock(other);
        await wait(random.between(500, 3000));
        other.exec("ROLLBACK");
      } finally {
        other.close();
      }
    },
  };
}

async function patientlyLock(database: Database.Database): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      database.exec("BEGIN EXCLUSIVE");
      return;
    } catch {
      await wait(5);
    }
  }
}

/** What befalls Authy and its callbacks. */
export function authyFaults({ phone }: Program, random: Random): Fault[] {
  const fault = (name: string, faults: Readonly<Record<string, unknown>>): Fault => ({
    name,
    async strike() {
      await phone.faults(faults);
      await wait(random.between(1500, 4500));
      await phone.faults();
    },
  });
  return [
    fault("Authy slow", { latency_ms: 1500 }),
    fault("Authy silent", { latency_ms: 6000 }),
    fault("Authy 503", { status: 503, error_rate: 0.7 }),
    fault("Authy 500 after taking it", { status: 500, error_rate: 0.5, takes_effect: true }),
    fault("Authy throttles", { retry_after: 2, error_rate: 0.8 }),
    fault("Authy resets", { reset: true, error_rate: 0.7 }),
    fault("Authy resets after taking it", { reset: true, error_rate: 0.5, takes_effect: true }),
    fault("Authy cuts answers", { truncate: true, error_rate: 0.5 }),
    fault("Authy talks nonsense", { not_json: true, error_rate: 0.5 }),
    fault("Authy shows a page", { html: true, error_rate: 0.7 }),
    fault("callbacks dropped", { callbacks: "drop" }),
    fault("callbacks doubled", { callbacks: "duplicate" }),
    fault("callbacks late", { callbacks: "delay", delay_ms: 2000 }),
    fault("callbacks reordered", { callbacks: "reorder", delay_ms: 1500 }),
    fault("callbacks replayed", { callbacks: "replay", delay_ms: 1000 }),
    fault("callbacks with bad signatures", { callbacks: "bad-signature" }),
    fault("callbacks dropped, Authy slow", { callbacks: "drop", latency_ms: 800 }),
  ];
}

/** What befalls the push service of phones of our own. Nothing that it does may cost more than a ring. */
export function pushFaults(pushes: PushServer, random: Random): Fault[] {
  const taken = (res: ServerResponse): void => {
    res.writeHead(201).end();
  };
  const fault = (name: string, answer: (res: ServerResponse) => void): Fault => ({
    name,
    async strike() {
      pushes.answers((_, res) => {
        answer(res);
      });
      await wait(random.between(1500, 4500));
      pushes.answers((_, res) => {
        taken(res);
      });
    },
  });
  return [
    fault("push service busy", (res) => {
      res.writeHead(429, { "retry-after": "1" }).end();
    }),
    fault("push service down", (res) => {
      res.writeHead(503).end();
    }),
    fault("push service silent", () => undefined),
    fault("push service resets", (res) => {
      res.destroy();
    }),
    fault("push service slow", (res) => {
      setTimeout(() => {
        taken(res);
      }, 1500);
    }),
    fault("push service refuses", (res) => {
      res.writeHead(403).end();
    }),
  ];
}
