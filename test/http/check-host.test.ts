import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import type { Middleware } from "../../src/http/context.js";
import { checkHost, knownHosts } from "../../src/http/middleware/check-host.js";
import { openBrowser } from "../kit/browser.js";
import { serveMiddleware } from "./middleware-app.js";

describe("K10 X13 the host", () => {
  const production = (publicUrl: string) => knownHosts(publicUrl, false);

  for (const [publicUrl, host] of [
    ["https://login.example.com", "login.example.com"],
    ["https://login.example.com", "login.example.com:443"],
    ["https://login.example.com", "login.example.com:0443"],
    ["https://login.example.com", "LOGIN.Example.COM"],
    ["https://login.example.com", "login.example.com."],
    ["https://login.example.com", "Login.example.com.:443"],
    ["https://LOGIN.example.com:443", "login.example.com"],
    ["https://login.example.com:8443", "login.example.com:8443"],
    ["http://login.intern", "login.intern:80"],
    ["https://my_login.example.com", "my_login.example.com"],
    ["https://bücher.example", "xn--bcher-kva.example"],
    ["https://[2001:db8::1]", "[2001:DB8:0::1]:443"],
  ] as const)
    it(`of ${publicUrl} may be written ${host}`, () => {
      assert.equal(production(publicUrl).isOurHost(host), true);
    });

  for (const [publicUrl, host] of [
    ["https://login.example.com", ""],
    ["https://login.example.com", "login.example.com:80"],
    ["https://login.example.com", "login.example.com:8443"],
    ["https://login.example.com", "login.example.com.."],
    ["https://login.example.com", "xlogin.example.com"],
    ["https://login.example.com", "login.example.com.evil.example"],
    ["https://login.example.com", "login.example.com@evil.example"],
    ["https://login.example.com", "evil.example/login.example.com"],
    ["https://login.example.com", "%6cogin.example.com"],
    ["https://login.example.com", "login.example.com:99999"],
    ["https://login.example.com", "localhost"],
    ["http://login.intern", "login.intern:443"],
  ] as const)
    it(`of ${publicUrl} is not ${JSON.stringify(host)}`, () => {
      assert.equal(production(publicUrl).isOurHost(host), false);
    });

  it("may be a loopback name in development only", () => {
    for (const host of ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]:3000", "localhost.:3000"])
      assert.equal(knownHosts("https://login.example.com", true).isOurHost(host), true, host);
    for (const host of ["127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost"])
      assert.equal(knownHosts("https://login.example.com", true).isOurHost(host), false, host);
  });
});

describe("K5 X2 the origin", () => {
  const hosts = knownHosts("https://login.example.com", true);

  for (const origin of [
    "https://login.example.com",
    "https://login.example.com:443",
    "HTTPS://Login.Example.com",
    "https://login.example.com.",
  ])
    it(`${origin} is ours`, () => {
      assert.equal(hosts.isOurOrigin(origin, "login.example.com"), true);
    });

  for (const origin of [
    "",
    "null",
    "http://login.example.com",
    "https://login.example.com:8443",
    "https://login.example.com/",
    "https://login.example.com@evil.example",
    "https://evil.example#login.example.com",
    "ftp://login.example.com",
    "login.example.com",
    "https://",
    "http://localhost:3000",
  ])
    it(`${JSON.stringify(origin)} is foreign`, () => {
      assert.equal(hosts.isOurOrigin(origin, "login.example.com"), false);
    });

  it("of a loopback name is ours for the very host that was asked", () => {
    assert.equal(hosts.isOurOrigin("http://localhost:3000", "localhost:3000"), true);
    assert.equal(hosts.isOurOrigin("http://localhost:80", "localhost"), true);
    assert.equal(hosts.isOurOrigin("http://localhost:3001", "localhost:3000"), false);
    assert.equal(hosts.isOurOrigin("http://127.0.0.1:3000", "localhost:3000"), false);
  });
});

it("K10 X13 warns once of a foreign host, and names both, however often it comes", async () => {
  const answer: Middleware = (ctx) => {
    ctx.body = "here";
  };
  const app = await serveMiddleware({ after }, [checkHost(knownHosts("https://login.example.com", false)), answer]);
  const browser = openBrowser(app.origin);
  for (const host of ["10.0.0.7:8080", "evil.example", "x".repeat(300)])
    assert.equal((await browser.get("/", { host })).status, 421);
  assert.equal((await browser.get("/", { host: "login.example.com" })).status, 200);
  assert.deepEqual(
    app.warnings.map(({ fields }) => fields),
    [{ got: "10.0.0.7:8080", expected: "login.example.com" }],
  );
});
