import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import type { Middleware } from "../../src/http/context.js";
import { knownHosts } from "../../src/http/middleware/check-host.js";
import { readForms } from "../../src/http/middleware/form.js";
import { browserVisit, checkCsrf, csrfToken } from "../../src/http/middleware/visit.js";
import { openBrowser } from "../kit/browser.js";
import { serveMiddleware } from "./middleware-app.js";

const SITE = "https://login.example.com";
const KEYS = ["a key for tests"];

const giveToken: Middleware = (ctx) => {
  ctx.body = ctx.method === "GET" ? csrfToken(ctx.state.visit, KEYS) : "taken";
};
const app = await serveMiddleware({ after }, [
  browserVisit(),
  readForms(),
  checkCsrf(knownHosts(SITE, false), KEYS),
  giveToken,
]);

/** Sends a form with the right token, and with whatever the browser says of its origin. */
async function sendForm(headers: Readonly<Record<string, string>>): Promise<number> {
  const browser = openBrowser(app.origin);
  const token = (await browser.get("/")).body;
  const type = { "content-type": "application/x-www-form-urlencoded", host: "login.example.com" };
  return (await browser.send("POST", "/", { body: `csrf=${token}`, headers: { ...type, ...headers } })).status;
}

describe("K5 X2 a form of our own page", () => {
  for (const [what, headers] of Object.entries<Record<string, string>>({
    "from a browser of today": { origin: SITE, "sec-fetch-site": "same-origin" },
    "from a browser without Fetch metadata": { origin: SITE },
    "from a browser whose extension removes Origin": { "sec-fetch-site": "same-origin" },
    "under Referrer-Policy: no-referrer": { origin: "null", "sec-fetch-site": "same-origin" },
    "from an origin with its default port": { origin: `${SITE}:443` },
    "from an origin with its default port, and metadata": { origin: `${SITE}:443`, "sec-fetch-site": "same-origin" },
    "from an origin in upper case": { origin: "HTTPS://LOGIN.example.com", "sec-fetch-site": "same-origin" },
  }))
    it(`${what} is taken`, async () => {
      assert.equal(await sendForm(headers), 200);
    });

  for (const [what, headers] of Object.entries<Record<string, string>>({
    "that says nothing of its origin": {},
    "with a hidden origin and no metadata": { origin: "null" },
    "in a frame of another site": { origin: "null", "sec-fetch-site": "cross-site" },
    "of another site": { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    "of a sibling domain": { origin: "https://www.example.com", "sec-fetch-site": "same-site" },
    "of our name without TLS": { origin: "http://login.example.com" },
    "of our name at another port": { origin: `${SITE}:8443` },
    "of another site that claims our metadata": { origin: "https://evil.example", "sec-fetch-site": "same-origin" },
    "of our origin with metadata of another site": { origin: SITE, "sec-fetch-site": "cross-site" },
    "that was not sent from a page": { origin: "null", "sec-fetch-site": "none" },
  }))
    it(`${what} is refused`, async () => {
      assert.equal(await sendForm(headers), 403);
    });
});
