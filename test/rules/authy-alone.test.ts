import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { openBrowser } from "../kit/browser.js";
import { serveApplication } from "../http/served-application.js";

const PASSWORD = "violet harbour lantern nine";
const FORM = { username: "ada", email: "ada@example.com", password: PASSWORD };

describe("which factors are on offer", () => {
  it("PH19: with Authy alone pages, forms and the phone's part are as before, and nothing else can be added", async () => {
    const application = await serveApplication({ after }, { FACTORS: "authy" });
    const { origin } = application;
    const browser = openBrowser(origin);
    await browser.post("/register", FORM);
    for (const path of ["/", "/account", "/account/two-factor", "/account/two-factor?add=totp"]) {
      const { body } = await browser.visit(path);
      assert.doesNotMatch(body, /authenticator/i, path);
    }
    assert.equal((await browser.post("/account/two-factor/registration", { type: "totp" })).status, 400);
    assert.equal((await browser.post("/account/two-factor/registration")).status, 303);
    await application.addPhone("ada");
    for (const path of ["/account", "/account/two-factor", "/account/two-factor/disable"])
      assert.doesNotMatch(
        (await browser.visit(path)).body,
        /authenticator|Another way|Begin with|two-factor\/move/i,
        path,
      );
    assert.equal((await browser.get("/account/two-factor/move")).location, "/account/two-factor");
  });

  it("asks for the code of an app once, however often its sign-in is sent, and tells of no other attempt", async () => {
    const application = await serveApplication({ after });
    const { origin, deps } = application;
    await openBrowser(origin).post("/register", FORM);
    await application.addApp("ada");
    const browser = openBrowser(origin);
    await browser.get("/login");
    const form = { username: "ada", password: PASSWORD };
    const twice = await Promise.all([browser.post("/login", form), browser.post("/login", form)]);
    assert.deepEqual(
      twice.map(({ location }) => location),
      ["/login/approval", "/login/approval"],
    );
    const subscriber = await deps.subscribers.findByName("ada");
    const id = subscriber?.id ?? "";
    assert.equal((await deps.attempts.findOpenOfSubscriber(id)).length, 1);
    assert.deepEqual(await deps.challenges.findLiveOfSubscriber(id), []);
    assert.match((await browser.visit("/login/approval")).body, /Type the code of your app/);
    assert.deepEqual(
      (await deps.audit.list(id, { limit: 9 })).map(({ kind }) => kind),
      ["registered"],
    );
  });
});
