import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Attempt } from "../../src/domain/attempt.js";
import { findOwnStatus } from "../../src/domain/find-own-status.js";
import type { Session } from "../../src/domain/session.js";
import { OVER_MS, watchedInMemory } from "./watched-in-memory.js";

const attempt = (id: string) => ({ id }) as Attempt;
const session = (id: string) => ({ id, subscriberId: "ada" }) as Session;

describe("E1: whose a status is", () => {
  it("of a sign-in: the browser's that holds its attempt, and nobody's by a session", async () => {
    const { deps } = watchedInMemory();
    const own = await findOwnStatus(deps, "challenge-1", { attempt: attempt("attempt-1"), session: null });
    assert.deepEqual(own?.owner, { kind: "attempt", id: "attempt-1", subscriberId: "ada" });
    assert.equal(own.status.kind, "approval");
    for (const other of [
      { attempt: null, session: null },
      { attempt: attempt("attempt-2"), session: session("attempt-1") },
      { attempt: null, session: session("session-1") },
    ])
      assert.equal(await findOwnStatus(deps, "challenge-1", other), null);
  });

  it("of a step-up: the session's that asked for it, even where another browser holds its attempt", async () => {
    const { deps, attempts } = watchedInMemory();
    const asked = attempts.get("attempt-1");
    assert.ok(asked);
    attempts.set("attempt-1", { ...asked, purpose: "change-password", sessionId: "session-1" });
    const own = await findOwnStatus(deps, "challenge-1", { attempt: null, session: session("session-1") });
    assert.deepEqual(own?.owner, { kind: "session", id: "session-1", subscriberId: "ada" });
    for (const other of [
      { attempt: attempt("attempt-1"), session: null },
      { attempt: attempt("attempt-1"), session: session("session-2") },
    ])
      assert.equal(await findOwnStatus(deps, "challenge-1", other), null);
    attempts.set("attempt-1", { ...asked, purpose: "change-password", sessionId: null });
    assert.equal(await findOwnStatus(deps, "challenge-1", { attempt: null, session: null }), null);
  });

  it("of an enrolment: the session's that started it", async () => {
    const { deps } = watchedInMemory();
    const own = await findOwnStatus(deps, "enrolment-1", { attempt: null, session: session("session-1") });
    assert.deepEqual(own?.owner, { kind: "session", id: "session-1", subscriberId: "ada" });
    assert.equal(own.status.kind, "registration");
    for (const other of [
      { attempt: attempt("attempt-1"), session: null },
      { attempt: attempt("session-1"), session: session("session-2") },
    ])
      assert.equal(await findOwnStatus(deps, "enrolment-1", other), null);
  });

  it("of what is not there: nobody's", async () => {
    const { deps, attempts } = watchedInMemory();
    const asker = { attempt: attempt("attempt-1"), session: session("session-1") };
    assert.equal(await findOwnStatus(deps, "nothing", asker), null);
    attempts.clear();
    assert.equal(await findOwnStatus(deps, "challenge-1", asker), null);
  });

  it("tells its owner that it is over as soon as the clock may say so, and ends it for nobody else", async () => {
    const { deps, passTo, challenges } = watchedInMemory();
    passTo(OVER_MS);
    await findOwnStatus(deps, "challenge-1", { attempt: attempt("attempt-2"), session: null });
    assert.equal(challenges.get("challenge-1")?.state, "pending");
    const own = await findOwnStatus(deps, "challenge-1", { attempt: attempt("attempt-1"), session: null });
    assert.equal(own?.status.status, "expired");
  });
});
