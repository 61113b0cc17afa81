import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it, type TestContext } from "node:test";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import { openBrowser } from "../kit/browser.js";
import { runCommand } from "../kit/command.js";
import { addApplication } from "../kit/openid-client.js";
import { enrol, type Person } from "../kit/people.js";
import { freePort } from "../kit/ports.js";
import { type Program, startProgram } from "../kit/program.js";
import { travel } from "../kit/story.js";
import { until } from "../kit/until.js";

/** Where programs lie that were unpacked and not installed. */
const UNPACKED = Object.fromEntries(
  ["LD_LIBRARY_PATH", "PYTHONPATH"].flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  ),
) as Record<string, string>;

const DATABASES = ["sqlite", "postgres"] as const;
const programs = await Promise.all(
  DATABASES.map((database) => startProgram({ after }, { webs: 2, balanced: true, workers: 1, database })),
);
DATABASES.forEach((database, n) => {
  describe(`programs that speak OpenID Connect, on ${database} with two web processes`, () => {
    clients(programs[n]!);
  });
});

async function signedIn(program: Program): Promise<Person> {
  const person = await enrol(program);
  await person.browser.post("/logout");
  await person.signIn();
  return person;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-clients-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function clients(program: Program): void {
  it("R44 mod_auth_openidc in Apache signs somebody in, and out when the sign-in ends", async (t) => {
    const apache = needProgram("apache");
    const [folder, port] = [temporaryFolder(t), await freePort()];
    const at = `http://127.0.0.1:${port}`;
    const application = await addApplication(program, {
      ...{ redirectUris: [`${at}/callback`], backChannelUri: `${at}/callback?logout=backchannel` },
    });
    writeFileSync(path.join(folder, "index.html"), "<h1>Behind Apache</h1>");
    const modules = path.resolve(path.dirname(apache), "../lib/apache2/modules");
    const names = ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "auth_openidc"];
    const loaded = names.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`);
    const config = `
      ServerName 127.0.0.1
      Listen 127.0.0.1:${port}
      PidFile ${folder}/pid
      DefaultRuntimeDir ${folder}
      ErrorLog ${folder}/errors
      DocumentRoot ${folder}
      DirectoryIndex index.html
      OIDCProviderMetadataURL ${program.site}/.well-known/openid-configuration
      OIDCClientID ${application.id}
      OIDCClientSecret ${application.secret}
      OIDCRedirectURI ${at}/callback
      OIDCCryptoPassphrase "of this test alone"
      OIDCPKCEMethod S256
      OIDCScope "openid profile groups"
      OIDCRemoteUserClaim preferred_username
      <Location />
        AuthType openid-connect
        Require valid-user
        Header always set X-User expr=%{REMOTE_USER}
      </Location>`;
    const file = path.join(folder, "apache.conf");
    writeFileSync(file, [...loaded, config].join("\n"));
    runCommand(t, apache, ["-X", "-d", folder, "-f", file], UNPACKED);
    const here = openBrowser(at);
    await until(
      () =>
        here.get("/").then(
          () => true,
          () => false,
        ),
      "Apache does not listen",
    );

    const person = await signedIn(program);
    const page = await travel([person.browser, here], `${at}/`);
    assert.deepEqual([page.status, page.headers["x-user"]], [200, person.username]);
    assert.match(page.body, /Behind Apache/);
    await person.browser.post("/logout");
    await until(async () => (await here.get("/")).status === 302, "Apache was not told of the end");
  });

  it("R43 authlib in Python signs somebody in, verifies who it was and refreshes", async (t) => {
    const at = "http://127.0.0.1:9/callback";
    const application = await addApplication(program, { redirectUris: [at] });
    const told = async (step: string, ...more: string[]): Promise<Record<string, unknown>> => {
      const args = [step, program.site, application.id, application.secret, at, ...more];
      const command = runCommand(t, needProgram("authlib"), ["test/fixtures/authlib-client.py", ...args], {
        ...UNPACKED,
        AUTHLIB_INSECURE_TRANSPORT: "1",
      });
      assert.equal(await command.exitCode, 0, command.stderr());
      return JSON.parse(command.stdout()) as Record<string, unknown>;
    };
    const person = await signedIn(program);
    const asked = await told("begin");
    const { pathname, search } = new URL(String(asked["url"]));
    const back = (await person.browser.get(pathname + search)).location;
    const { claims, userinfo, isRefreshed } = (await told("finish", JSON.stringify(asked), back)) as {
      claims: Record<string, unknown>;
      userinfo: Record<string, unknown>;
      isRefreshed: boolean;
    };
    assert.deepEqual([claims["sub"], claims["acr"]], [person.id, "urn:countersign:acr:phone"]);
    assert.deepEqual([userinfo["preferred_username"], isRefreshed], [person.username, true]);
  });
}
