import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseEnv } from "node:util";
import { validate } from "dockerfile-utils";
import { parse } from "yaml";

import { loadSettings } from "../../sandbox/settings.js";
import { loadConfig } from "../../src/config.js";

type Variables = Readonly<Record<string, string>>;

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly profiles?: readonly string[];
  readonly build?: unknown;
  readonly ports?: readonly string[];
  readonly [more: string]: unknown;
}

const dockerfile = readFileSync("Dockerfile", "utf8");
const { services } = parse(readFileSync("compose.yaml", "utf8"), { merge: true }) as {
  services: Readonly<Record<string, Service>>;
};
const [procfile, ignored] = [readFileSync("Procfile", "utf8"), readFileSync(".dockerignore", "utf8")];
const commandOf = (name: string): string[] => new RegExp(`^${name}: (.*)$`, "m").exec(procfile)?.[1]?.split(" ") ?? [];
const instruction = (name: string, text = dockerfile): string =>
  new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1] ?? assert.fail(`no ${name}`);

/** .env with something in place of what is left open, and the sandbox's lines if they are wanted. */
function filledIn(withSandbox = false): Record<string, string> {
  const text = readFileSync("deploy/docker/env.example", "utf8");
  const given = parseEnv(withSandbox ? text.replaceAll("# AUTHY_", "AUTHY_") : text) as Record<string, string>;
  const filling: Variables = { AUTHY_APP_NAME: "Example", AUTHY_APP_ID: "1" };
  const random = (): string => randomBytes(32).toString("base64url");
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value || filling[name] || random()]));
}

/** A service's environment, with the variables of .env in it. */
function environmentOf(name: string, variables: Variables): Record<string, string> {
  const given = Object.entries(services[name]?.environment ?? {});
  const put = (value: string): string =>
    value.replace(/\$\{(\w+):\?[^}]*\}/g, (_, variable: string) => variables[variable] ?? assert.fail(variable));
  return Object.fromEntries(given.map(([each, value]) => [each, put(String(value))]));
}

describe("the Dockerfile", () => {
  const last = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));

  it("has nothing that the linter finds wrong", () => {
    assert.deepEqual(validate(dockerfile), []);
  });

  it("starts Node.js itself, as nobody in particular, with production packages only", () => {
    assert.deepEqual(JSON.parse(instruction("CMD", last)), commandOf("web"));
    assert.equal(instruction("USER", last), "node");
    assert.match(last, /^COPY --from=packages \/app\/node_modules /m);
    assert.match(dockerfile, /^RUN npm ci --omit=dev /m);
    assert.doesNotMatch(last, /^RUN /m);
    const [, look = ""] = /^HEALTHCHECK .* CMD (.*)$/m.exec(last) ?? [];
    assert.match((JSON.parse(look) as string[])[2] ?? "", /\/healthz/);
  });

  it("copies files that are there, and that .dockerignore lets through", () => {
    const copied = Array.from(dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm), ([, names = ""]) => names.split(" "));
    for (const name of copied.flat().filter((each) => each !== ".")) {
      assert.ok(existsSync(name), name);
      assert.ok(ignored.split("\n").includes(`!${name}`), `${name} is ignored`);
    }
  });
});

describe("compose.yaml", () => {
  it("starts what the Procfile names, migrations first, and PostgreSQL, Redis and a sandbox if asked", () => {
    assert.deepEqual(Object.keys(services), ["web", "worker", "migrate", "postgres", "redis", "sandbox"]);
    assert.deepEqual(services["worker"]?.command, commandOf("worker"));
    assert.deepEqual(services["migrate"]?.command, commandOf("release"));
    for (const name of ["web", "worker"] as const)
      assert.deepEqual(services[name]?.depends_on, {
        migrate: { condition: "service_completed_successfully" },
        redis: { condition: "service_healthy" },
      });
    assert.deepEqual(services["sandbox"]?.profiles, ["sandbox"]);
  });

  it("opens no port but to this machine, and lets processes drain, write nothing and do nothing special", () => {
    for (const port of Object.values(services).flatMap(({ ports = [] }) => ports)) assert.match(port, /^127\.0\.0\.1:/);
    for (const name of ["web", "worker", "migrate"]) {
      const { stop_grace_period, read_only, cap_drop, security_opt } = services[name] ?? assert.fail();
      assert.deepEqual(
        { stop_grace_period, read_only, cap_drop, security_opt },
        { stop_grace_period: "20s", read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] },
      );
    }
  });

  for (const withSandbox of [false, true])
    it(`takes the settings of .env ${withSandbox ? "with" : "without"} the sandbox, as production does`, () => {
      const variables = filledIn(withSandbox);
      for (const name of ["web", "worker", "migrate"]) {
        const config = loadConfig({
          ...{ NODE_ENV: "production", PORT: "3000" },
          ...variables,
          ...environmentOf(name, variables),
        });
        assert.equal(config.host, null, "it listens inside of its container only");
        assert.match(config.databaseUrl, /^postgres:\/\/countersign:[\w-]+@postgres:5432\/countersign$/);
      }
      if (!withSandbox) return;
      const sandbox = loadSettings(environmentOf("sandbox", variables));
      assert.equal(sandbox.apiKey, variables["AUTHY_PRODUCTION_API_KEY"]);
      assert.equal(sandbox.callbackUrl, variables["AUTHY_CALLBACK_URL"]);
    });
});
