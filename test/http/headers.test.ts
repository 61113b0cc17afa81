import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import type { Context, Middleware } from "../../src/http/context.js";
import { cookieAge } from "../../src/http/middleware/cookie-age.js";
import { securityHeaders } from "../../src/http/middleware/security-headers.js";
import { warnOfProxy } from "../../src/http/middleware/warn-of-proxy.js";
import { openBrowser } from "../kit/browser.js";
import { serveMiddleware } from "./middleware-app.js";

const answer: Middleware = (ctx) => {
  ctx.body = "here";
};

describe("X9 Strict-Transport-Security", () => {
  for (const [settings, header] of [
    [{ isHttps: true, hstsSubdomains: false }, "max-age=31536000"],
    [{ isHttps: true, hstsSubdomains: true }, "max-age=31536000; includeSubDomains"],
    [{ isHttps: false, hstsSubdomains: true }, undefined],
  ] as const)
    it(`is ${header ?? "not sent"} with ${JSON.stringify(settings)}`, async () => {
      const app = await serveMiddleware({ after }, [securityHeaders(settings), answer]);
      assert.equal((await openBrowser(app.origin).get("/")).headers["strict-transport-security"], header);
    });
});

describe("a cookie", () => {
  const setCookies: Middleware = (ctx) => {
    ctx.cookies.set("ends-with-the-browser", "a", { signed: false });
    ctx.cookies.set("stays", "b", { signed: true, maxAge: 86_400_000 });
    ctx.cookies.set("goes", null, { signed: false });
    ctx.body = "here";
  };

  it("that has an end says so by Max-Age, too, for browsers with a wrong clock", async () => {
    const app = await serveMiddleware({ after }, [cookieAge(), setCookies]);
    const lines = (await openBrowser(app.origin).get("/")).headers["set-cookie"] ?? [];
    assert.deepEqual(
      lines.map((line) => [line.split("=")[0], Number(/; max-age=(\d+)$/.exec(line)?.[1] ?? NaN)]),
      [
        ["ends-with-the-browser", NaN],
        ["stays", 86_400],
        ["stays.sig", 86_400],
        ["goes", 0],
      ],
    );
  });
});

describe("a proxy that TRUST_PROXY does not count", () => {
  async function warningsOf(trustedProxies: number, ...requests: Record<string, string>[]): Promise<unknown[]> {
    const app = await serveMiddleware({ after }, [warnOfProxy(trustedProxies), answer], { trustedProxies });
    for (const headers of requests) await openBrowser(app.origin).get("/", headers);
    return app.warnings.map(({ fields }) => fields);
  }

  it("is named in the log once", async () => {
    const forwarded = { "x-forwarded-for": "203.0.113.8" };
    assert.deepEqual(await warningsOf(0, {}, forwarded, forwarded, { forwarded: "for=203.0.113.8" }), [
      { header: "x-forwarded-for", from: "127.0.0.1" },
    ]);
  });

  it("is not suspected without such a header, nor where one is counted", async () => {
    assert.deepEqual(await warningsOf(0, {}), []);
    assert.deepEqual(await warningsOf(1, { "x-forwarded-for": "203.0.113.8" }), []);
  });

  it("is not suspected behind a public address, which can send any header", async () => {
    const warn = () => assert.fail("it warned");
    const ctx = {
      ip: "203.0.113.8",
      get: () => "",
      req: { headers: { "x-forwarded-for": "10.0.0.1" } },
      state: { log: { warn } },
    };
    await warnOfProxy(0)(ctx as unknown as Context, () => Promise.resolve());
  });
});
