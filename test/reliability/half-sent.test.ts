import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BOUNDED } from "../kit/in-time.js";
import { enrol, startSignIn, stateIn } from "../kit/people.js";
import { until } from "../kit/until.js";
import { finish, startBalanced } from "./sign-ins.js";

describe("a web process that dies while it sends a request to the phone", () => {
  it("leaves a page that soon says that nobody knows, and that sends again when asked to", BOUNDED, async (t) => {
    const program = await startBalanced(t);
    const [web] = program.webs;
    const ada = await enrol(program, "ada");
    await startSignIn(ada);
    const state = async (): Promise<string> => stateIn((await ada.browser.get("/login/approval")).body);
    const sendAgain = () => ada.browser.post("/login/approval/resend");

    await program.phone.faults({ callbacks: "drop", route: "approval-create", latency_ms: 2500, takes_effect: true });
    const [first] = await ada.requests();
    const cut = assert.rejects(sendAgain());
    await until(
      async () => (await ada.requests())[0]?.uuid !== first?.uuid,
      "no second request came to the phone",
      10_000,
    );
    await web?.kill();
    await cut;
    await program.phone.faults({ callbacks: "drop" });
    await web?.start();
    await ada.answer("approve"); // nobody will ever hear of it
    await until(async () => (await state()) === "failed", "the page did not say that nobody knows");

    assert.equal((await sendAgain()).status, 303);
    assert.equal(await state(), "waiting");
    await program.phone.faults();
    await ada.answer("approve");
    await until(async () => (await state()) === "approved", "the tap was not heard of", 10_000);
    assert.equal((await finish(ada)).location, "/account");
  });
});
