import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  ASK_AT_MOST_EVERY_MS,
  ASK_MS,
  CHECK_MS,
  OFFLINE_ASK_MS,
  SILENCE_MS,
  start,
  step,
  type Effect,
  type Happening,
  type State,
  type Status,
} from "../../../views/assets/waiting-machine.js";

const FINAL: readonly Status[] = ["completed", "denied", "expired", "cancelled", "failed"];

/** A machine, a clock that only moves when told, and all that the machine wanted done at the last happening. */
class Page {
  state: State;
  wanted: Effect[];
  at = 10_000;

  constructor({ online = true, typesCode = false } = {}) {
    [this.state, this.wanted] = start({ at: this.at, online, secondsLeft: 120, typesCode });
  }

  after(ms: number, event: Happening): this {
    this.at += ms;
    [this.state, this.wanted] = step(this.state, event, this.at);
    return this;
  }

  stream(status: Status): this {
    return this.after(10, { type: "status", status, via: "stream" });
  }

  answer(status: Status): this {
    return this.after(10, { type: "status", status, via: "answer" });
  }

  wants(what: Effect["do"]): boolean {
    return this.wanted.some((effect) => effect.do === what);
  }

  timer(name: string): number | undefined {
    const effect = this.wanted.find((known) => known.do === "timer" && known.name === name);
    return effect?.do === "timer" ? effect.ms : undefined;
  }
}

describe("the waiting page", () => {
  it("opens the stream and gives it two seconds to speak", () => {
    const page = new Page();
    assert.ok(page.wants("open-stream"));
    assert.equal(page.timer("silence"), SILENCE_MS);
    assert.equal(SILENCE_MS, 2000);
  });

  it("asks nothing while the stream speaks, but looks now and then", () => {
    const page = new Page().stream("pending");
    assert.equal(page.state.link, "live");
    assert.equal(page.timer("ask"), CHECK_MS);
    assert.deepEqual(page.after(2000, { type: "timer", name: "silence" }).wanted, []);
  });

  it("asks at once when the stream stays silent, then every one and a half seconds", () => {
    const page = new Page().after(2000, { type: "timer", name: "silence" });
    assert.ok(page.wants("ask"));
    page.answer("pending");
    assert.equal(page.timer("ask"), ASK_MS);
    assert.ok(page.after(ASK_MS, { type: "timer", name: "ask" }).wants("ask"));
  });

  it("asks at once when the stream is refused or cut", () => {
    assert.ok(new Page().after(50, { type: "stream-error", gaveUp: true }).wants("ask"));
    assert.ok(new Page().stream("pending").after(5000, { type: "stream-error", gaveUp: false }).wants("ask"));
  });

  it("stops asking so often when the stream comes back", () => {
    const page = new Page().after(50, { type: "stream-error", gaveUp: false }).answer("pending").stream("pending");
    assert.equal(page.state.link, "live");
    assert.equal(page.timer("ask"), CHECK_MS);
  });

  it("finishes by itself when approved, whoever says so", () => {
    for (const page of [
      new Page().stream("approved"),
      new Page().after(2000, { type: "timer", name: "silence" }).answer("approved"),
    ]) {
      assert.deepEqual(
        page.wanted.map((effect) => effect.do),
        ["close-stream", "stop-timers", "finish"],
      );
    }
  });

  it("finishes once, however often it hears of the approval", () => {
    const page = new Page().stream("approved");
    assert.deepEqual(page.stream("approved").wanted, []);
    assert.deepEqual(page.answer("approved").wanted, []);
  });

  it("never finishes by itself when the code of the phone must be typed", () => {
    const page = new Page({ typesCode: true }).stream("approved");
    assert.equal(page.state.phase, "approved");
    assert.deepEqual(
      page.wanted.map((effect) => effect.do),
      ["close-stream", "stop-timers"],
    );
  });

  it("takes a code that is being typed anew for not given", () => {
    const page = new Page().after(10, { type: "code-taken-back" }).stream("approved");
    assert.equal(page.state.phase, "approved");
    assert.ok(!page.wants("finish"));
  });

  it("lets the server say what every other end means", () => {
    for (const status of FINAL) assert.ok(new Page().stream(status).wants("reload"), status);
  });

  it("lets the server say what it means that nobody answers for this challenge any more", () => {
    for (const httpStatus of [303, 401, 403, 404, 410]) {
      const page = new Page().after(50, { type: "stream-error", gaveUp: true });
      assert.ok(page.after(50, { type: "no-answer", httpStatus, retryAfterMs: 0 }).wants("reload"), String(httpStatus));
    }
  });

  it("goes on asking when the server is busy or away, and as late as it is told to", () => {
    const page = new Page().after(50, { type: "stream-error", gaveUp: true });
    assert.equal(page.after(50, { type: "no-answer", httpStatus: 0, retryAfterMs: 0 }).timer("ask"), ASK_MS);
    assert.ok(page.after(ASK_MS, { type: "timer", name: "ask" }).wants("ask"));
    assert.equal(page.after(50, { type: "no-answer", httpStatus: 503, retryAfterMs: 4000 }).timer("ask"), 4000);
    assert.ok(page.after(4000, { type: "timer", name: "ask" }).wants("ask"));
    assert.equal(page.after(50, { type: "no-answer", httpStatus: 429, retryAfterMs: 0 }).timer("ask"), ASK_MS);
  });

  it("knows the server to be there when it is told that too many tabs ask", () => {
    const page = new Page().after(50, { type: "stream-error", gaveUp: true });
    assert.equal(page.after(50, { type: "no-answer", httpStatus: 429, retryAfterMs: 2000 }).state.reached, true);
    page.after(2000, { type: "timer", name: "ask" });
    assert.equal(page.after(50, { type: "no-answer", httpStatus: 503, retryAfterMs: 0 }).state.reached, false);
  });

  it("asks rarely while offline, and opens the stream and asks at once when back", () => {
    const page = new Page().stream("pending").after(3000, { type: "offline" });
    page.after(10, { type: "stream-error", gaveUp: false });
    assert.equal(page.after(10, { type: "no-answer", httpStatus: 0, retryAfterMs: 0 }).timer("ask"), OFFLINE_ASK_MS);
    page.after(20_000, { type: "online" });
    assert.ok(page.wants("open-stream"));
    assert.ok(page.wants("ask"));
    assert.equal(page.timer("silence"), SILENCE_MS);
  });

  it("takes an answer for better proof than the browser's word that it is offline", () => {
    const page = new Page({ online: false });
    assert.ok(page.wants("open-stream"));
    assert.equal(page.state.reached, false);
    assert.equal(page.stream("pending").state.reached, true);
    assert.ok(page.stream("approved").wants("finish"));
  });

  it("asks as soon as it is looked at again", () => {
    assert.ok(new Page().stream("pending").after(60_000, { type: "shown" }).wants("ask"));
  });

  it("loads itself anew when it comes out of the back-forward cache, even after it was left", () => {
    assert.ok(new Page().stream("approved").after(60_000, { type: "restored" }).wants("reload"));
  });

  it("does not wait for ever", () => {
    assert.ok(new Page().stream("pending").after(150_000, { type: "timer", name: "longest" }).wants("reload"));
  });

  it("never asks twice within a second, nor while a question is out, nor after it has left, whatever happens", () => {
    const status = fc.constantFrom<Status>("pending", "pending", "pending", "approved", "denied");
    const happening = fc.oneof<fc.Arbitrary<Happening>[]>(
      fc.record({
        type: fc.constant("status" as const),
        status,
        via: fc.constantFrom("stream" as const, "answer" as const),
      }),
      fc.record({ type: fc.constant("stream-error" as const), gaveUp: fc.boolean() }),
      fc.record({
        type: fc.constant("no-answer" as const),
        httpStatus: fc.constantFrom(0, 429, 503),
        retryAfterMs: fc.nat(3000),
      }),
      fc.record({ type: fc.constant("timer" as const), name: fc.constantFrom("silence" as const, "ask" as const) }),
      fc.record({ type: fc.constantFrom("offline" as const, "online" as const, "shown" as const) }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1500), happening), { maxLength: 60 }), fc.boolean(), (story, typesCode) => {
        const page = new Page({ typesCode });
        let askedAt = -Infinity;
        let left = false;
        for (const [ms, event] of story) {
          const wasOut = page.state.inFlight;
          const answers = event.type === "no-answer" || (event.type === "status" && event.via === "answer");
          if (answers && !wasOut) continue; // no answer without a question
          page.after(ms, event);
          if (left) assert.deepEqual(page.wanted, []);
          if (page.wants("ask")) {
            assert.ok(page.at - askedAt >= ASK_AT_MOST_EVERY_MS);
            assert.ok(!wasOut || answers);
            askedAt = page.at;
          }
          left ||= page.state.phase !== "waiting";
        }
      }),
    );
  });

  it("always has something that will wake it while it waits", () => {
    const story = fc.array(
      fc.constantFrom<Happening>(
        { type: "status", status: "pending", via: "stream" },
        { type: "stream-error", gaveUp: true },
        { type: "stream-error", gaveUp: false },
        { type: "shown" },
        { type: "offline" },
        { type: "online" },
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(story, (events) => {
        const page = new Page();
        const timers = new Set(["silence"]);
        for (const event of events) {
          page.after(700, event);
          for (const effect of page.wanted) if (effect.do === "timer") timers.add(effect.name);
          assert.ok(page.state.inFlight || timers.has("ask") || timers.has("silence"));
        }
      }),
    );
  });
});
