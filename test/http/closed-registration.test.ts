import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { openBrowser } from "../kit/browser.js";
import { serveApplication } from "./served-application.js";

const { origin, deps } = await serveApplication({ after }, { REGISTRATION: "closed" });

describe("REGISTRATION=closed", () => {
  it("opens no account, and leads nobody to the form", async () => {
    const browser = openBrowser(origin);
    for (const path of ["/", "/login"]) assert.doesNotMatch((await browser.get(path)).body, /\/register/);
    assert.equal((await browser.get("/register")).status, 403);
    const form = { username: "somebody", email: "somebody@example.com", password: "correct horse battery" };
    assert.equal((await browser.post("/register", form)).status, 403);
    assert.equal(await deps.subscribers.findByName("somebody"), null);
  });
});
