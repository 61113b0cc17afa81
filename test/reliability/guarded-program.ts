import assert from "node:assert/strict";
import { after, before } from "node:test";

import { inTime } from "../kit/in-time.js";
import { newOwner, type Owner } from "../kit/owner.js";
import { enrol, startSignIn } from "../kit/people.js";
import type { Program, ProgramSettings } from "../kit/program.js";
import { startRedis, type TestRedis } from "../kit/redis.js";
import { until } from "../kit/until.js";
import { settledBy, startBalanced, tapToEvent } from "./sign-ins.js";

/** A cause is told when it begins and when it is over; a handful is what its neighbours may say meanwhile. */
export const HANDFUL = 6;
/** The event after a tap, what /readyz says, and what was missed once Redis works again: all within this. */
export const PROMISED_MS = 10_000;
/** Rights of a user who may do all. */
export const EVERYTHING = ["allkeys", "allchannels", "+@all"];

/** A program whose processes know a Redis of the test's own as the user `app`, with rights that change. */
export interface Guarded {
  readonly program: Program;
  readonly redis: TestRedis;
  /** Changes the rights of `app`, as `ACL SETUSER` does. */
  readonly may: (...rules: readonly string[]) => Promise<unknown>;
}

/** Starts a Redis and a program that uses it. */
export async function startGuarded(owner: Owner, settings: ProgramSettings = {}): Promise<Guarded> {
  const redis = await startRedis(owner);
  const may = (...rules: readonly string[]) => redis.command("ACL", "SETUSER", "app", "on", ">secret", ...rules);
  await may(...EVERYTHING);
  // The first poll is not to wait for a callback, although some arrive.
  const env = { REDIS_URL: asApp(redis.url), POLL_FIRST_WITH_CALLBACKS_MS: "2000", ...settings.env };
  return { program: await startBalanced(owner, { ...settings, env }), redis, may };
}

/** The address of the same Redis for the user `app`. */
export function asApp(address: string): string {
  const url = new URL(address);
  [url.username, url.password] = ["app", "secret"];
  return url.href;
}

/** One for all tests of a suite. */
export function sharedGuarded(): () => Guarded {
  const owner = newOwner();
  let guarded: Guarded | undefined;
  before(async () => {
    guarded = await startGuarded(owner);
  });
  after(() => owner.end());
  return () => {
    if (guarded === undefined) throw new Error("the program has not started yet");
    return guarded;
  };
}

/** Waits until /readyz says so, which answers 200 whatever Redis does. */
export async function becomes({ site }: Program, status: "ok" | "degraded"): Promise<void> {
  const says = async (): Promise<boolean> => {
    const answer = await fetch(`${site}/readyz`);
    assert.equal(answer.status, 200);
    return ((await answer.json()) as { status: string }).status === status;
  };
  await inTime(PROMISED_MS, `/readyz saying ${status}`, until(says, `/readyz did not say ${status}`, 60_000));
}

/** Somebody signs in. @returns who learned of the answer: `callback` or `poll`. */
export async function signsIn(program: Program): Promise<string | undefined> {
  const person = await enrol(program);
  const waiting = await startSignIn(person);
  await tapToEvent(person, waiting, PROMISED_MS);
  return settledBy(program, waiting);
}

/** What a process has said since that is worth a warning. */
export function warnings({ lines }: Program, since: number, process: string): Program["lines"] {
  return lines.slice(since).filter((line) => line["process"] === process && Number(line.level) >= 40);
}

/** The web process and the worker each name the cause, once, and then say that it is over, in a handful of lines. */
export async function tellsOnce(program: Program, since: number, reason: RegExp): Promise<void> {
  for (const process of ["web", "worker"]) {
    const isOver = (): boolean => warnings(program, since, process).some(({ msg }) => msg === "Redis works again");
    await until(isOver, `the ${process} process did not say that Redis works again`);
    const said = warnings(program, since, process);
    const all = `${process}: ${JSON.stringify(said, null, 1)}`;
    assert.ok(said.length <= HANDFUL, all);
    assert.equal(said.filter((line) => reason.test(String(line["reason"]))).length, 1, all);
  }
}

/** Web process and worker, whatever happened to them. */
export function assertJsonOnly({ lines }: Program): void {
  const plain = lines.filter(({ level, time }) => (level ?? time) === undefined);
  assert.deepEqual(plain, [], "lines that are not JSON");
}

/** Web process and worker, one after the other. */
export async function restart({ webs, workers }: Program): Promise<void> {
  for (const each of [...webs, ...workers]) {
    await each.stop();
    await each.start();
  }
}
