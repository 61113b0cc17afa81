import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it, type TestContext } from "node:test";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import { migrateDatabase } from "../../src/database/migrate.js";
import { callbackBody, signCallback, type SignedRequest } from "../kit/authy.js";
import { openBrowser } from "../kit/browser.js";
import { bundleOf } from "../kit/bundle.js";
import { runCommand } from "../kit/command.js";
import { enrol, isSignedIn, register, startSignIn } from "../kit/people.js";
import { startPostgres } from "../kit/postgres.js";
import { startProgram } from "../kit/program.js";

const program = await startProgram({ after });
const folder = mkdtempSync(path.join(tmpdir(), "countersign-operator-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function admin(t: TestContext, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const tool = bundleOf("dist/scripts/admin.js");
  const command = runCommand(t, process.execPath, [tool, ...args, "--json"], { ...program.env, ...env });
  const code = await command.exitCode;
  const rows = command.stdout() === "" ? [] : (JSON.parse(command.stdout()) as Record<string, unknown>[]);
  return { code, rows, err: command.stderr() };
}

describe("backup and restore by commands", () => {
  it("O3 copies the database while people sign in; O4 the copy serves sign-ins elsewhere, and nobody is signed in", async (t) => {
    const [ann, bob] = [await enrol(program), await register(program)];
    const backup = path.join(folder, "backup.sqlite");
    let [signIns, isDone] = [0, false];
    const signingIn = (async () => {
      while (!isDone) {
        assert.equal((await ann.signIn(program.openBrowser())).status, 303);
        signIns += 1;
      }
    })();
    const made = await admin(t, ["backup", backup]);
    isDone = true;
    await signingIn;
    assert.equal(made.code, 0, made.err);
    assert.ok(signIns > 0);
    assert.match((await admin(t, ["backup", backup])).err, /there already/);
    const inUse = await admin(t, ["restore", backup]);
    assert.deepEqual([inUse.code, /in use: stop web and worker/.test(inUse.err)], [1, true]);

    const elsewhere = { DATABASE_URL: `sqlite:${path.join(folder, "fresh", "restored.sqlite")}` };
    const restored = await admin(t, ["restore", backup], elsewhere);
    assert.equal(restored.code, 0, restored.err);
    const web = await program.startWeb(elsewhere);
    const typed = await bob.login(openBrowser(web.site));
    assert.equal(typed.status, 303);
    assert.equal(await isSignedIn(bob.browser), true, "where it was");
    const sessions =
      "SELECT count(*) AS n FROM sessions s JOIN subscribers u ON u.id = s.subscriber_id AND u.epoch = s.epoch";
    await web.stop();
    const count = spawnSync(process.execPath, ["-e", COUNT, elsewhere.DATABASE_URL.slice(7), sessions], {
      encoding: "utf8",
    });
    assert.equal(count.stdout, "1", "of the copy only bob's new one lives");
    const acts = (await admin(t, ["history"], elsewhere)).rows.map(({ what, how }) => [what, how]);
    assert.deepEqual(acts, [["restored", "backup.sqlite"]]);
    const before = (await admin(t, ["history"])).rows.map(({ what }) => what);
    assert.deepEqual(before, ["backed-up"]);
  });

  it("O3 says how PostgreSQL is copied, and those commands do it", async (t) => {
    const postgres = await startPostgres(t);
    const [from, to] = [await postgres.createDatabase(), await postgres.createDatabase()];
    await migrateDatabase(from, () => undefined);
    const file = path.join(folder, "dump");
    const programs = path.dirname(realpathSync(needProgram("postgres")));
    for (const [act, url] of [
      ["backup", from],
      ["restore", to],
    ] as const) {
      const said = await admin(t, [act, file], { DATABASE_URL: url });
      assert.equal(said.code, 1);
      const command = /: (pg_.*)$/m.exec(said.err)?.[1] ?? "false";
      const PATH = `${programs}:${process.env["PATH"] ?? ""}`;
      const done = spawnSync("sh", ["-c", command], { env: { PATH, DATABASE_URL: url }, encoding: "utf8" });
      assert.equal(done.status, 0, `${command}: ${done.stderr}`);
    }
    const [found] = await postgres.run("SELECT count(*)::int AS n FROM migrations", "test_2");
    assert.ok(Number(found?.["n"]) > 10);
  });
});

const COUNT = `process.stdout.write(String(require("better-sqlite3")(process.argv[1]).prepare(process.argv[2]).pluck().get()))`;

describe("O5: a recorded callback that is replayed", () => {
  const [key, url] = [program.env["AUTHY_PRODUCTION_API_KEY"] ?? "", program.env["AUTHY_CALLBACK_URL"] ?? ""];

  function record({ headers, body }: SignedRequest, at = url): string {
    const file = path.join(folder, "callback.json");
    writeFileSync(file, JSON.stringify({ method: "POST", url: at, headers, body }));
    return file;
  }

  it("O5 settles the request that it is about, once, by the same rule as one that comes from Authy", async (t) => {
    const person = await enrol(program);
    await program.phone.faults({ callbacks: "drop" });
    await startSignIn(person);
    const { uuid } = await person.request();
    const signed = signCallback(callbackBody(uuid, person.authyId, "approved"), { key, url });
    const file = record(signed);
    for (const word of ["settled", "settled-before", "repeated"]) {
      const said = await admin(t, ["callback", "replay", file]);
      assert.deepEqual([said.code, said.rows[0]?.["word"]], [0, word], said.err);
    }
    const acts = (await admin(t, ["history"])).rows.filter(({ about }) => about === "callbacks").map(({ how }) => how);
    assert.deepEqual(acts, ["repeated", "settled-before", "settled"]);
  });

  it("O5 says why a signature does not match", async (t) => {
    const body = callbackBody("11111111-2222-3333-4444-555555555555", 1, "approved");
    for (const [at, why] of [
      [url.replace("http:", "https:"), /signed for https:.* and AUTHY_CALLBACK_URL is http:/],
      [`${url}/`, /signed for .*onetouch\/, and/],
    ] as const) {
      const said = await admin(t, ["callback", "replay", record(signCallback(body, { key, url: at }), at)]);
      assert.deepEqual([said.code, said.rows[0]?.["status"]], [1, 401]);
      assert.match(String(said.rows[0]?.["why"]), why);
    }
    const other = await admin(t, ["callback", "replay", record(signCallback(body, { key: "another", url }))]);
    assert.match(String(other.rows[0]?.["why"]), /another key, or changed on its way/);
  });

  it("O5 reads standard input, and refuses what is no recorded callback", async (t) => {
    const file = record(signCallback({ hello: "there" }, { key, url }));
    const shell = 'cat "$2" | "$0" "$1" callback replay - --json';
    const piped = runCommand(
      t,
      "sh",
      ["-c", shell, process.execPath, bundleOf("dist/scripts/admin.js"), file],
      program.env,
    );
    assert.equal(await piped.exitCode, 0, piped.stderr());
    assert.match(piped.stdout(), /ignored: not an approval callback/);
    writeFileSync(file, '{"method":"POST"}');
    const said = await admin(t, ["callback", "replay", file]);
    assert.deepEqual([said.code, /no recorded callback: url/.test(said.err)], [1, true]);
  });
});
