import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { ensureBuilt } from "../kit/built.js";
import { inheritedSettings } from "../kit/environment.js";
import { BOUNDED } from "../kit/in-time.js";
import { freePort } from "../kit/ports.js";
import { migrate, startWeb } from "../kit/processes.js";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

const dockerfile = readFileSync("Dockerfile", "utf8");
const lastStage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));

/** What `npm ci --omit=dev` installs, out of what is installed here. */
function copyPackages(to: string): void {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
  const wanted = Object.keys(packages).filter((at) => at !== "" && packages[at]?.dev !== true && existsSync(at));
  const isNested = (file: string): boolean => path.basename(file) === "node_modules";
  for (const at of wanted)
    cpSync(at, path.join(to, at), { recursive: true, filter: (file) => !isNested(file) && !file.endsWith(".c") });
}

it(
  "what the Dockerfile puts into the image is enough to migrate, serve, be looked at, and drain",
  BOUNDED,
  async (t) => {
    ensureBuilt();
    const image = mkdtempSync(path.join(tmpdir(), "countersign-image-"));
    t.after(() => {
      rmSync(image, { recursive: true, force: true });
    });
    for (const [, name = ""] of lastStage.matchAll(/^COPY .*?(\S+) \.\S*$/gm)) {
      const file = name.replace(/^\/app\//, "");
      if (file === "node_modules") copyPackages(image);
      else cpSync(file, path.join(image, file), { recursive: true });
    }
    const port = await freePort();
    const env = {
      ...inheritedSettings(),
      ...{ NODE_ENV: "production", PORT: String(port), PUBLIC_URL: `http://localhost:${port}` },
      ...{ FACTORS: "totp", APP_NAME: "Example", DATABASE_URL: `sqlite:${path.join(image, "test.sqlite")}` },
      // Nobody is there: it starts without.
      REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      ...{ SESSION_KEYS: randomBytes(32).toString("hex"), SECRET_KEYS: randomBytes(32).toString("base64url") },
    };
    await migrate({ env, release: image });
    const web = await startWeb({ env, release: image, port, onStart: (part) => t.after(() => part.kill()) });
    assert.equal((await fetch(`http://localhost:${port}/login`)).status, 200);

    const [, look = ""] = /^HEALTHCHECK .* CMD (.*)$/m.exec(lastStage) ?? [];
    const [command = "", ...given] = JSON.parse(look) as string[];
    const lookAt = (at: number): number | null =>
      spawnSync(command, given, { env: { ...env, PORT: String(at) }, stdio: "ignore" }).status;
    assert.equal(lookAt(port), 0);
    assert.equal(lookAt(await freePort()), 1);
    assert.deepEqual(await web.stop(), { code: 0, signal: null });
  },
);
