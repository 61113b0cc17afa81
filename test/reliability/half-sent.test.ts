import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { answered, BOUNDED, eventually, finish, openTown, startSignIn, stateIn, tap } from "./town.js";

describe("a web process that dies while it sends a request to the phone", () => {
  it("leaves a page that soon says that nobody knows, and that sends again when asked to", BOUNDED, async (t) => {
    const town = await openTown(t);
    const [web] = town.world.webs;
    const ada = await town.enrol("ada");
    const waiting = await startSignIn(ada);
    const state = async (): Promise<string> => stateIn((await answered(ada.browser.get("/login/approval"))).body);
    const sendAgain = () => ada.browser.post("/login/approval/resend", { csrf: waiting.token });

    await town.faults({ callbacks: "drop", route: "approval-create", latency_ms: 2500, takes_effect: true });
    const first = ada.phone.ringing();
    const cut = sendAgain();
    await eventually(() => ada.phone.ringing() !== first, 10_000, "no second request came to the phone");
    await web?.part().kill();
    assert.equal(await cut, null);
    await town.faults({ callbacks: "drop" });
    await web?.start();
    await tap(ada); // nobody will ever hear of it
    await eventually(async () => (await state()) === "failed", 20_000, "the page did not say that nobody knows");

    assert.equal((await answered(sendAgain())).status, 303);
    assert.equal(await state(), "waiting");
    await town.faults();
    await tap(ada);
    await eventually(async () => (await state()) === "approved", 10_000, "the tap was not heard of");
    assert.equal((await finish(ada, waiting)).location, "/account");
  });
});
