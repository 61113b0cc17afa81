import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { loadConfig } from "../../src/config.js";
import type { Deps } from "../../src/domain/deps.js";
import { firstApprovalPoll, nextApprovalPoll, nextRegistrationPoll } from "../../src/domain/poll-schedule.js";
import type { Witness } from "../../src/domain/watched.js";

const settings = loadConfig({ AUTHY_APP_NAME: "a", AUTHY_APP_ID: "1", AUTHY_PRODUCTION_API_KEY: "k" }, () => [
  "k",
]).rules;
const start = new Date("2026-11-24T10:00:00.000Z");
const after = (ms: number): Date => new Date(start.getTime() + ms);
const seconds = (at: Date): number => (at.getTime() - start.getTime()) / 1000;

function whenNewestWas(witness: Witness | null): Pick<Deps, "challenges" | "providers" | "settings" | "now"> {
  return {
    providers: {},
    settings,
    now: () => start,
    challenges: { newestWitnessSince: () => Promise.resolve(witness) } as unknown as Deps["challenges"],
  };
}

describe("the poll schedule", () => {
  it("T12 asks after 2 s, and after 12 s while the newest answer came by callback", async () => {
    assert.equal(seconds(await firstApprovalPoll(whenNewestWas(null), start)), 2);
    assert.equal(seconds(await firstApprovalPoll(whenNewestWas("poll"), start)), 2);
    assert.equal(seconds(await firstApprovalPoll(whenNewestWas("callback"), start)), 12);
  });

  it("grows from 2 s to 5 s and asks a last time at the deadline", () => {
    const deadline = after(120_000);
    const times: number[] = [2];
    while (times.at(-1)! < 120)
      times.push(seconds(nextApprovalPoll(settings, start, deadline, after(times.at(-1)! * 1000))));
    const pauses = times.slice(1).map((at, index) => at - times[index]!);
    assert.ok(pauses.every((pause) => pause <= 5.0001));
    assert.ok(pauses[0]! < 2.5 && pauses[20]! === 5, `pauses were ${pauses.join(", ")}`);
    assert.equal(times.at(-1), 120);
  });

  it("looks at an enrolment every 1.5 s in the first minute, then every 3 s", () => {
    const deadline = after(300_000);
    assert.equal(seconds(nextRegistrationPoll(settings, start, deadline, after(10_000))), 11.5);
    assert.equal(seconds(nextRegistrationPoll(settings, start, deadline, after(90_000))), 93);
    assert.equal(seconds(nextRegistrationPoll(settings, start, deadline, after(299_000))), 300);
  });
});
