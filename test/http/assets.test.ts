import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import Koa from "koa";

import { assets, assetsPath, versionOf } from "../../src/http/assets.js";

describe("styles and modules", () => {
  it("have another version as soon as one of them has another word or another name", (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "countersign-assets-"));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    const module = path.join(folder, "page.js");
    writeFileSync(module, "go();");
    const versions = [versionOf(folder)];
    writeFileSync(module, "stay();");
    versions.push(versionOf(folder));
    renameSync(module, path.join(folder, "other.js"));
    versions.push(versionOf(folder));
    assert.equal(new Set(versions).size, 3, versions.join());
  });

  it("come under the version that a page names, under another release's, and under none", async (t) => {
    const server = new Koa().use(assets(true)).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null, "it listens");
    const get = (at: string): Promise<Response> => fetch(`http://127.0.0.1:${address.port}${at}`);
    assert.match(assetsPath, /^\/assets\/[0-9a-f]{12}$/);
    for (const folder of [assetsPath, "/assets/0123456789ab", "/assets"])
      for (const name of [...readdirSync("views/assets"), "qr/decode.js", "qr/index.js"]) {
        const reply = await get(`${folder}/${name}`);
        assert.equal(reply.status, 200, `${folder}/${name}`);
        assert.equal(reply.headers.get("cache-control"), "public, max-age=3600");
      }
    for (const coding of ["br", "gzip", "identity"]) {
      const reply = await fetch(`http://127.0.0.1:${address.port}${assetsPath}/site.css`, {
        headers: { "Accept-Encoding": coding },
      });
      assert.equal(reply.headers.get("content-encoding") ?? "identity", coding);
      assert.equal(reply.headers.get("vary"), "Accept-Encoding");
      assert.equal(await reply.text(), readFileSync("views/assets/site.css", "utf8"));
    }
    for (const not of ["../layout.njk", "qr/dom.js", "qr/package.json", "qr/../qr/package.json", "package.json"])
      assert.equal((await get(`${assetsPath}/${not}`)).status, 404, not);
  });
});
