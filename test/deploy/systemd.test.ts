import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { parseEnv } from "node:util";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import { loadConfig } from "../../src/config.js";

/** What `systemd-analyze security` of version 252 says; 10 is no protection at all. */
const EXPOSURE = 1.3;

const analyze = needProgram("systemd");
const folder = mkdtempSync(path.join(tmpdir(), "countersign-systemd-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
cpSync("deploy/systemd", folder, { recursive: true });
const templates = readdirSync(folder).filter((name) => name.endsWith(".service"));
for (const name of templates) {
  const file = path.join(folder, name);
  writeFileSync(file, readFileSync(file, "utf8").replace("/usr/bin/node", process.execPath));
}
const units = templates.map((name) => name.replace("@.", "@3000."));
const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` };

describe("deploy/systemd", () => {
  it("systemd reads all units without a complaint", () => {
    assert.equal(units.length, 3);
    const { status, stderr } = spawnSync(analyze, ["verify", "--man=no", ...units], { env, encoding: "utf8" });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  });

  for (const unit of units)
    it(`the exposure of ${unit} is ${EXPOSURE} of 10 at most`, () => {
      const table = execFileSync(analyze, ["security", "--offline=true", "--no-pager", unit], {
        env,
        encoding: "utf8",
      });
      const [, exposure = "10"] = /Overall exposure level for \S+: ([\d.]+)/.exec(table) ?? [];
      assert.ok(Number(exposure) <= EXPOSURE, table);
    });

  it("its processes are those of the Procfile, with time to drain, and are not started again with wrong settings", () => {
    const shared = readFileSync("deploy/systemd/countersign-.service.d/shared.conf", "utf8");
    assert.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(shared)?.[1]) > 10);
    assert.match(shared, /^RestartPreventExitStatus=78$/m);
    const commands = readFileSync("Procfile", "utf8").matchAll(/^\w+: node (.*)$/gm);
    const started = templates.map((name) =>
      /^ExecStart=\S+ (.*)$/m.exec(readFileSync(path.join(folder, name), "utf8")),
    );
    assert.deepEqual(started.map((found) => found?.[1]).sort(), Array.from(commands, ([, command]) => command).sort());
  });

  it("the environment file has all that production insists on", () => {
    const given = parseEnv(readFileSync("deploy/systemd/environment", "utf8")) as Record<string, string>;
    const filled = Object.entries(given).map(([name, value]) => {
      const secret = name === "SESSION_KEYS" || name.endsWith("_KEY") ? "hex" : "base64url";
      return [name, value === "" ? (name === "AUTHY_APP_ID" ? "1" : randomBytes(32).toString(secret)) : value];
    });
    const config = loadConfig(Object.fromEntries(filled) as Record<string, string>);
    assert.equal(config.isProduction, true);
    assert.equal(config.databaseUrl, "sqlite:/var/lib/countersign/countersign.sqlite");
    assert.equal(config.trustedProxies, 1);
  });

  it("the commands of docs/deploy.md make the user and install and enable all of it", () => {
    const root = path.join(folder, "root");
    mkdirSync(path.join(root, "etc/systemd/system"), { recursive: true });
    const [, block = ""] = /^```\n(install [^]*?)^```$/m.exec(readFileSync("docs/deploy.md", "utf8")) ?? [];
    const here = block
      .replaceAll(" /etc/", ` ${root}/etc/`)
      // What needs a running systemd, the user on this very machine, or a process that runs.
      .replace(/^systemctl (daemon-reload|start .*)$/gm, "")
      .replace(" -g countersign", "")
      .replace(" --now", "")
      .replace(/^(systemctl|systemd-sysusers)/gm, `${path.dirname(analyze)}/$1 --root=${root}`);
    const { status, stderr } = spawnSync("sh", ["-ec", here], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.match(readFileSync(path.join(root, "etc/passwd"), "utf8"), /^countersign:/m);
    assert.ok(existsSync(path.join(root, "etc/countersign/environment")));
    assert.ok(existsSync(path.join(root, "etc/systemd/system/countersign-.service.d/shared.conf")));
    assert.deepEqual(readdirSync(path.join(root, "etc/systemd/system/multi-user.target.wants")).sort(), [
      "countersign-web@3000.service",
      "countersign-web@3001.service",
      "countersign-worker@1.service",
    ]);
  });
});
