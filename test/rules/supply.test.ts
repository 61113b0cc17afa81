import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}
interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
const production = packages.filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true);

/** Below these are known holes. */
const LEAST: Readonly<Record<string, string>> = {
  koa: "3.1.2",
  "@koa/router": "15.0.0",
  typeorm: "1.1.0",
  nunjucks: "3.2.4",
  jsonwebtoken: "9.0.0",
  got: "12.1.0",
  bullmq: "6.7.0",
};

/** What parses, signs, authenticates or talks to somebody: two copies would be mended once. */
const ONE_COPY = [
  ...Object.keys(LEAST),
  ...["jws", "jwa", "cookies", "keygrip", "koa-session", "helmet", "koa-helmet", "raw-body", "qs", "ioredis"],
  ...[
    "pg",
    "better-sqlite3",
    "@node-rs/argon2",
    "@node-rs/bcrypt",
    "pino",
    "rate-limiter-flexible",
    "@koa/bodyparser",
    "co-body",
  ],
  ...["oidc-provider", "jose", "@simplewebauthn/server"],
];

/** Production packages today; the next one needs a reason. docs/security.md tells why these are more than we wish for. */
const MOST_PACKAGES = 347;

describe("the supply chain", () => {
  it("D1 pins every package exactly, with its integrity", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      assert.match(version, /^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/, name);
    for (const [path, { integrity }] of packages) assert.match(integrity ?? "", /^sha512-/, path);
  });

  it("D2 runs install scripts of named packages only", () => {
    const scripts = packages
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => nameOf(path));
    for (const name of scripts) assert.equal(manifest.allowScripts[name], true, name);
  });

  it("D3 uses no version below the least safe one", () => {
    for (const [name, least] of Object.entries(LEAST))
      for (const [path, { version }] of packages.filter(([each]) => nameOf(each) === name))
        assert.equal(version.localeCompare(least, "en", { numeric: true }) >= 0, true, `${path} ${version} < ${least}`);
  });

  it("D3 writes a bill of materials that names every production package", () => {
    const made = spawnSync("npm", ["run", "sbom"], { encoding: "utf8", maxBuffer: 50_000_000 });
    const bill = JSON.parse(made.stdout) as { bomFormat: string; components: { name: string; purl: string }[] };
    assert.equal(bill.bomFormat, "CycloneDX");
    for (const name of Object.keys(manifest.dependencies))
      assert.equal(
        bill.components.some(({ purl }) => decodeURIComponent(purl).startsWith(`pkg:npm/${name}@`)),
        true,
        name,
      );
  });

  it("D4 takes in no more production packages than were agreed", () => {
    assert.equal(production.length <= MOST_PACKAGES, true, `${production.length} production packages`);
  });

  it("D5 holds one copy of each package that guards something", () => {
    for (const name of ONE_COPY) {
      const copies = production.filter(([path]) => nameOf(path) === name).map(([path]) => path);
      assert.equal(copies.length, 1, `${name}: ${copies.join(", ")}`);
    }
  });
});
