import assert from "node:assert/strict";
import { after, before } from "node:test";

import type { Answer } from "../kit/browser.js";
import { NO_LIMITS } from "../kit/environment.js";
import type { EventStream } from "../kit/event-stream.js";
import { inTime } from "../kit/in-time.js";
import { newOwner, type Owner } from "../kit/owner.js";
import { challengeOf, type Person, type Waiting } from "../kit/people.js";
import { type Program, type ProgramSettings, startProgram } from "../kit/program.js";

/** Starts the program behind a balancer, which waits for a web process that starts again; without limits on people. */
export function startBalanced(owner: Owner, settings: ProgramSettings = {}): Promise<Program> {
  return startProgram(owner, { balanced: true, ...settings, env: { ...NO_LIMITS, ...settings.env } });
}

/** One program for all tests of a suite. */
export function sharedProgram(): () => Program {
  const owner = newOwner();
  let program: Program | undefined;
  before(async () => {
    program = await startBalanced(owner);
  });
  after(() => owner.end());
  return () => {
    if (program === undefined) throw new Error("the program has not started yet");
    return program;
  };
}

/** Spends the approval as the page does. */
export function finish({ browser }: Person): Promise<Answer> {
  return browser.post("/login/approval/finish");
}

/** Signs in to the end. @returns from the tap to the event, which must come within `promisedMs`. */
export async function tapToEvent(person: Person, waiting: Waiting, promisedMs: number): Promise<number> {
  const stream = await openStream(person, waiting);
  await person.answer("approve");
  const { value, ms } = await inTime(promisedMs, "the event after the tap", stream.end);
  assert.deepEqual(value, { final: "approved" });
  assert.equal((await finish(person)).location, "/account");
  return ms;
}

/** Watches a waiting page's stream; it is open, and has told that nobody answered yet. */
export async function openStream({ browser }: Person, { events }: Waiting): Promise<EventStream> {
  const stream = browser.watch(events);
  await stream.first();
  return stream;
}

/** Who settled a challenge. */
export async function settledBy(program: Program, waiting: Waiting): Promise<string | undefined> {
  return (await challengeOf(program, waiting))?.settledBy ?? undefined;
}
