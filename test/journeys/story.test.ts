import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Credentials,
  disable,
  enrol,
  register,
  signInByPassword,
  signInByPush,
  signOut,
  type Stage,
  type StoryStep,
  tellStory,
} from "../kit/story.js";
import { type Program, startProgram } from "../kit/program.js";
import { isSettlement } from "../kit/settlements.js";

const ALICE: Credentials = { username: "alice", email: "alice@example.com", password: "correct horse battery" };

/** So late that only callbacks can have settled anything, on however slow a machine. */
const POLLS_COME_LATE = {
  POLL_FIRST_MS: "60000",
  POLL_FIRST_WITH_CALLBACKS_MS: "60000",
  POLL_REGISTRATION_MS: "60000",
};

function stageOf(program: Program, steps: StoryStep[] = []): Stage {
  const { phone, settledBy } = program;
  return { browser: program.openBrowser(), phone, settledBy, onStep: (step) => steps.push(step) };
}

function settlers(steps: readonly StoryStep[]): string[] {
  return steps.flatMap(({ settledBy }) => settledBy ?? []);
}

for (const database of ["sqlite", "postgres"] as const) {
  describe(`the whole story on ${database}`, () => {
    it("is settled by signed callbacks when they arrive", async (t) => {
      const program = await startProgram(t, { database, env: POLLS_COME_LATE, isAsShipped: true });
      const steps = await tellStory(stageOf(program), ALICE);
      assert.deepEqual(settlers(steps), ["webhook", "callback", "callback"]);
    });

    it("is settled by the poller when every callback is dropped", async (t) => {
      const program = await startProgram(t, { database, withWebhooks: false });
      await program.phone.faults({ callbacks: "drop" });
      const steps = await tellStory(stageOf(program), ALICE);
      assert.deepEqual(settlers(steps), ["poll", "poll", "poll"]);
    });
  });
}

describe("the story on several machines", () => {
  it("goes on at web A when the callback comes to web B and the worker is elsewhere", async (t) => {
    const program = await startProgram(t, { webs: 2, callbackTo: 1, workers: 1, env: POLLS_COME_LATE });
    const steps = await tellStory(stageOf(program), ALICE);
    assert.deepEqual(settlers(steps), ["webhook", "callback", "callback"]);
    const [a, b] = program.webs.map((web) => web.lines.filter(isSettlement));
    assert.equal(a?.length, 0, "web A settled nothing itself");
    assert.ok(b && b.length >= 3, "web B settled the enrolment and both approvals");
  });

  it("needs no worker once the phone is enrolled", async (t) => {
    const program = await startProgram(t);
    const steps: StoryStep[] = [];
    const stage = stageOf(program, steps);
    await register(stage, ALICE);
    await enrol(stage, ALICE);
    await signOut(stage);
    await Promise.all(program.workers.map((worker) => worker.kill()));
    await signInByPush(stage, ALICE);
    await disable(stage);
    await signOut(stage);
    await signInByPassword(stage, ALICE);
    assert.deepEqual(settlers(steps).slice(1), ["callback", "callback"]);
  });
});

describe("a tap on the phone", () => {
  it("opens only the browser whose request it was", async (t) => {
    const program = await startProgram(t);
    const first = stageOf(program);
    await register(first, ALICE);
    await enrol(first, ALICE);
    await signOut(first);

    const second = stageOf(program);
    const elsewhere = await second.browser.submit(await second.browser.visit("/login"), "/login", {
      username: ALICE.username,
      password: ALICE.password,
    });
    assert.equal(elsewhere.url.pathname, "/login/approval");
    await program.phone.answer((await program.phone.openRequest()).uuid, "deny");

    await signInByPush(first, ALICE);
    const page = await second.browser.visit("/account");
    assert.equal(page.url.pathname, "/login", "the denied browser stays outside");
  });
});
