import assert from "node:assert/strict";
import { after, before } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type DataSource } from "typeorm";

import { openDatabase } from "../../src/database/data-source.js";
import { type ChallengeRow } from "../../src/database/schema.js";
import { type Answer, type StreamEnd } from "../trials/storm/browser.js";
import { enrolPerson } from "../trials/storm/people.js";
import { type Person, signOut } from "../trials/storm/sign-in.js";
import { startWorld, type World, type WorldSettings } from "../trials/storm/world.js";
import { ensureBuilt } from "../kit/built.js";
import { type Owner } from "../kit/owner.js";

/** A world with people in it, and what its tests do most. */
export interface Town {
  readonly world: World;
  readonly database: DataSource;
  enrol(name: string): Promise<Person>;
  /** Sets how the sandbox misbehaves; nothing: not at all. */
  faults(faults?: Readonly<Record<string, unknown>>): Promise<void>;
  challenge(id: string): Promise<ChallengeRow | null>;
  /** All log lines of all processes so far; `part` is the name of the process. */
  readonly lines: readonly { readonly msg?: string; readonly [field: string]: unknown }[];
}

/** A sign-in that waits for its phone. */
export interface Waiting {
  readonly id: string;
  readonly events: string;
  readonly status: string;
  readonly token: string;
}

/** Starts the program: one web process and one worker unless said otherwise. */
export async function openTown(owner: Owner, settings: Partial<WorldSettings> = {}): Promise<Town> {
  ensureBuilt();
  const lines: Town["lines"][number][] = [];
  const given = { database: "sqlite" as const, webs: 1, workers: 1, ...settings };
  // A machine that is too slow for its web process is no fault that is looked for here: nothing is refused for it.
  const env = { LOOP_LAG_SHED_MS: "0", ...settings.env };
  const world = await startWorld(owner, { ...given, env, onLine: (line, part) => lines.push({ ...line, part }) });
  const database = await openDatabase(world.databaseUrl);
  owner.after(() => database.destroy());
  return {
    world,
    database,
    lines,
    enrol: (name) => enrolPerson(world, database, name, () => undefined),
    async faults(faults = {}) {
      const body = JSON.stringify(faults);
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${world.sandboxUrl}/faults`, { method: "PUT", headers, body });
      if (!answer.ok) throw new Error(`the sandbox refused ${body}`);
    },
    challenge: (id) => database.getRepository<ChallengeRow>("challenge").findOneBy({ id }),
  };
}

/** One town for all tests of a suite. */
export function sharedTown(): () => Town {
  const ends: (() => void | Promise<void>)[] = [];
  let town: Town | undefined;
  before(async () => {
    town = await openTown({ after: (end) => ends.push(end) });
  });
  after(async () => {
    for (const end of ends) await end();
  });
  return () => {
    if (town === undefined) throw new Error("the town is not open yet");
    return town;
  };
}

/** The answer of a page that must come. */
export async function answered(asked: Promise<Answer | null>): Promise<Answer> {
  const answer = await asked;
  if (answer === null) throw new Error("the connection broke, or no answer came in 20 s");
  return answer;
}

export function csrfIn(page: string): string {
  return /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? "";
}

/** The state that a waiting page shows. */
export function stateIn(page: string): string {
  return /data-state="([a-z]+)"/.exec(page)?.[1] ?? "none";
}

/** Types the password; signs out before where that is needed. @returns the answer to the form. */
export async function typePassword(person: Person): Promise<Answer> {
  const { browser, username, password } = person;
  let form = await answered(browser.get("/login"));
  if (form.status === 303) {
    await signOut(person);
    form = await answered(browser.get("/login"));
  }
  return answered(browser.post("/login", { csrf: csrfIn(form.body), username, password, next: "/account" }));
}

/** Types the password and opens the waiting page. */
export async function startSignIn(person: Person): Promise<Waiting> {
  const typed = await typePassword(person);
  if (typed.location !== "/login/approval") throw new Error(`the password was answered with ${typed.status}`);
  const { body } = await answered(person.browser.get("/login/approval"));
  const read = (name: string): string => new RegExp(`data-${name}="([^"]+)"`).exec(body)?.[1] ?? "";
  return { id: read("challenge-id"), events: read("events"), status: read("status"), token: csrfIn(body) };
}

/** Waits until the phone rings, and answers. */
export async function tap({ phone }: Person, action: "approve" | "deny" = "approve"): Promise<string> {
  const uuid = await eventually(() => phone.ringing(), 20_000, "the phone did not ring");
  if (!(await phone.answer(uuid, action))) throw new Error("the sandbox took no answer");
  return uuid;
}

/** Spends the approval as the page does. */
export function finish({ browser }: Person, { token }: Pick<Waiting, "token">): Promise<Answer> {
  return answered(browser.post("/login/approval/finish", { csrf: token }));
}

/** Signs in to the end. @returns from the tap to the event, which must come within `promisedMs`. */
export async function tapToEvent(person: Person, waiting: Waiting, promisedMs: number): Promise<number> {
  const stream = await openStream(person, waiting);
  await tap(person);
  const { value, ms } = await inTime(promisedMs, "the event after the tap", stream.end);
  assert.deepEqual(value, { final: "approved" });
  assert.equal((await finish(person, waiting)).location, "/account");
  return ms;
}

/** Watches a waiting page's stream; it is open, and has told that nobody answered yet. */
export async function openStream({ browser }: Person, { events }: Waiting): Promise<{ end: Promise<StreamEnd> }> {
  const told: string[] = [];
  const end = browser.watch(events, (status) => told.push(status));
  await eventually(() => told.length > 0, 20_000, "the stream told nothing");
  return { end };
}

export async function witnessOf(town: Town, { id }: Waiting): Promise<string | undefined> {
  return (await town.challenge(id))?.settledBy ?? undefined;
}

/** Asks until there is an answer that is not undefined, null or false. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  withinMs: number,
  otherwise: string,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false)
      return answer as Exclude<T, undefined | null | false>;
    await wait(20);
  }
  throw new Error(`${otherwise} in ${withinMs} ms`);
}

/** The work's result, and how long it took. */
export async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now();
  const value = await work;
  return { value, ms: performance.now() - startedAt };
}

/** How many turns of processes an answer takes. */
const HOPS = 10;

/** Work that is promised to end in time, and what the machine takes for it. What hangs is found on any machine. */
export async function inTime<T>(promisedMs: number, what: string, work: Promise<T>): Promise<{ value: T; ms: number }> {
  const machine = watchMachine();
  try {
    const { value, ms } = await timed(work);
    const allowedMs = machine.allowedMs(promisedMs);
    assert.ok(
      ms < promisedMs + allowedMs,
      `${what} took ${Math.round(ms)} ms; promised are ${promisedMs}, and the machine may take ${Math.round(allowedMs)}`,
    );
    return { value, ms };
  } finally {
    machine.stop();
  }
}

const TURN_MS = 20;

/** Watches how late this process gets its turns: what is measured has no part in that. */
export function watchMachine(): {
  slowestMs(): number;
  /** What may come on top of a promise: up to twice as much. */
  allowedMs(promisedMs: number): number;
  stop(): void;
} {
  let [slowest, last] = [0, performance.now()];
  const turns = setInterval(() => {
    const now = performance.now();
    slowest = Math.max(slowest, now - last - TURN_MS);
    last = now;
  }, TURN_MS);
  const slowestMs = (): number => Math.max(slowest, performance.now() - last - TURN_MS);
  return {
    slowestMs,
    allowedMs: (promisedMs) => Math.min(HOPS * slowestMs(), 2 * promisedMs),
    stop() {
      [slowest, last] = [slowestMs(), Infinity];
      clearInterval(turns);
    },
  };
}

/** Asks a web process whether it lives, over and over. */
export function feelPulse(site: string): {
  /** @returns the longest wait, that for an answer which has not come yet among them. */
  stop(): Promise<number>;
} {
  const over = new AbortController();
  let [slowest, askedAt] = [0, performance.now()];
  const beating = (async () => {
    while (!over.signal.aborted) {
      askedAt = performance.now();
      const asked = fetch(`${site}/healthz`, { signal: over.signal }).then((answer) => answer.text());
      slowest = Math.max(slowest, (await timed(asked).catch(() => undefined))?.ms ?? 0);
      await wait(20, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      const stoppedAt = performance.now();
      over.abort();
      await beating;
      return Math.max(slowest, stoppedAt - askedAt);
    },
  };
}

/** A test that takes longer hangs. */
export const BOUNDED = { timeout: 300_000 };
