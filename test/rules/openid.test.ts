import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { startProgram } from "../kit/program.js";

interface Discovery {
  readonly issuer: string;
  readonly jwks_uri: string;
}

const program = await startProgram({ after }, { webs: 2, balanced: true, workers: 0 });

describe("the OpenID Connect provider", () => {
  it("R33 names addresses of PUBLIC_URL alone, whatever a request says of itself", async () => {
    const browser = program.openBrowser();
    const path = "/.well-known/openid-configuration";
    const claims = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https", forwarded: "host=evil.example" };
    for (const answer of [
      await browser.get(path, claims),
      await browser.get("/.well-known/oauth-authorization-server", claims),
      await browser.send("GET", `http://evil.example${path}`),
    ]) {
      assert.equal(answer.status, 200);
      const urls = answer.body.match(/https?:\/\/[^"]+/g) ?? [];
      assert.ok(urls.length > 8 && urls.every((url) => url.startsWith(program.site)), urls.join(" "));
    }
    assert.equal((await browser.get(path, { host: "evil.example" })).status, 421);
  });

  it("R49 shows the same keys in every process, to every origin and for five minutes", async () => {
    const keys = new Set<string>();
    for (const { port } of program.webs) {
      const answer = await fetch(`http://127.0.0.1:${port}/oidc/jwks`, { headers: { origin: "https://else.example" } });
      assert.equal(answer.headers.get("cache-control"), "public, max-age=300");
      assert.equal(answer.headers.get("access-control-allow-origin"), "https://else.example");
      keys.add(await answer.text());
    }
    assert.equal(keys.size, 1);
    const discovery = (await (await fetch(`${program.site}/.well-known/openid-configuration`)).json()) as Discovery;
    assert.deepEqual([discovery.issuer, discovery.jwks_uri], [program.site, `${program.site}/oidc/jwks`]);
  });
});
