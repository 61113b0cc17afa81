import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { WITHOUT_AUTHY } from "../kit/environment.js";
import { startProgram } from "../kit/program.js";
import {
  type Credentials,
  disableByPasskey,
  enrolPasskey,
  register,
  signInByPasskey,
  signOut,
  tellPasskeyStory,
} from "../kit/story.js";

const ALICE: Credentials = { username: "alice", email: "alice@example.com", password: "correct horse battery" };
const BOB: Credentials = { ...ALICE, username: "bob", email: "bob@example.com" };

for (const database of ["sqlite", "postgres"] as const) {
  describe(`the whole story with a passkey alone, on ${database}`, () => {
    it("is told by two web processes and a worker, recovery codes and the loss of the passkey included", async (t) => {
      const env = { ...WITHOUT_AUTHY, FACTORS: "passkey" };
      const program = await startProgram(t, { database, webs: 2, balanced: true, env });
      const told = { browser: program.openBrowser() };
      assert.equal((await tellPasskeyStory(told, ALICE)).length, 10);

      await signOut(told);
      await register(told, BOB);
      await enrolPasskey(told, BOB);
      const { browser } = told;
      const codes = await browser.submit(await browser.visit("/account/recovery-codes"), "/account/recovery-codes");
      const [first = "", second = ""] = codes.html.querySelectorAll("ol code").map(({ text }) => text);
      await signOut(told);
      const asked = await browser.submit(await browser.visit("/login"), "/login", {
        ...{ username: BOB.username, password: BOB.password },
      });
      assert.equal(asked.html.querySelector("h1")?.text, "Use your passkey");
      assert.doesNotMatch(asked.body, /authy|phone is|Ask my phone/i);
      assert.equal((await browser.submit(asked, "/login/code", { code: first })).url.pathname, "/account");

      // The passkey is lost: a recovery code allows another one.
      const adding = await browser.visit("/account/two-factor?add=passkey");
      const asking = await browser.submit(adding, "/account/approval", { action: "add-factor", factor: "passkey" });
      const allowed = await browser.submit(asking, "/account/approval/code", { code: second });
      assert.equal(allowed.url.search, "?add=passkey");
      const holder = await enrolPasskey(told, BOB);
      await signOut(told);
      await signInByPasskey(told, BOB, holder);
      await disableByPasskey(told, holder);
    });
  });
}
