import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it, type TestContext } from "node:test";

import { type Credentials, enrol, register, signInByPassword, type Stage } from "../kit/story.js";
import { bundleOf } from "../kit/bundle.js";
import { runCommand } from "../kit/command.js";
import { type Program, startProgram } from "../kit/program.js";

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function admin(t: TestContext, program: Program, ...args: string[]): Promise<Said> {
  const command = runCommand(t, process.execPath, [bundleOf("dist/scripts/admin.js"), ...args], program.env);
  const code = await command.exitCode;
  return { code, out: command.stdout(), err: command.stderr() };
}

function rowsOf({ out }: Said): Record<string, unknown>[] {
  return JSON.parse(out) as Record<string, unknown>[];
}

function stageOf(program: Program): Stage {
  return {
    browser: program.openBrowser(),
    phone: program.phone,
    settledBy: program.settledBy,
    onStep: () => undefined,
  };
}

function person(username: string): Credentials {
  return { username, email: `${username}@example.com`, password: "correct horse battery" };
}

const program = await startProgram({ after });

describe("the operator's tool", () => {
  it("lists accounts and shows one, for people and for machines", async (t) => {
    await register(stageOf(program), person("lister"));
    const list = await admin(t, program, "user", "list");
    assert.equal(list.code, 0, list.err);
    assert.match(list.out, /^username +email +phone/m);
    assert.match(list.out, /^lister +lister@example\.com +none/m);
    const shown = rowsOf(await admin(t, program, "user", "show", "LISTER", "--json"));
    assert.equal(shown[0]?.["username"], "lister");
    assert.ok(
      shown.some((row) => row["what"] === "registered"),
      "the history is missing",
    );
  });

  it("removes a lost phone: the password alone signs in again, and the old session is over", async (t) => {
    const stage = stageOf(program);
    await register(stage, person("loser"));
    await enrol(stage, person("loser"));
    const reset = await admin(t, program, "user", "reset-2fa", "loser", "--json");
    assert.equal(reset.code, 0, reset.err);
    assert.equal(rowsOf(reset)[0]?.["phone"], "none");
    const account = await stage.browser.visit("/account");
    assert.equal(account.url.pathname, "/login");
    const again = stageOf(program);
    await signInByPassword(again, person("loser"));
    assert.equal((await again.browser.get("/account")).status, 200);
    assert.equal((await admin(t, program, "user", "reset-2fa", "loser")).code, 1);
  });

  it("lists what protects an account, and removes one of it: the old session is over", async (t) => {
    const stage = stageOf(program);
    await register(stage, person("owner"));
    await enrol(stage, person("owner"));
    const [phone, ...others] = rowsOf(await admin(t, program, "factor", "list", "owner", "--json"));
    assert.deepEqual([phone?.["type"], others], ["authy", []]);
    assert.equal((await admin(t, program, "factor", "remove", "owner", "none-of-these")).code, 1);
    assert.equal((await admin(t, program, "factor", "remove", "owner")).code, 2);
    const removed = await admin(t, program, "factor", "remove", "owner", String(phone?.["id"]), "--json");
    assert.deepEqual([removed.code, rowsOf(removed)], [0, []]);
    assert.equal((await stage.browser.visit("/account")).url.pathname, "/login");
  });

  it("says so when no challenge is pending", async (t) => {
    const list = await admin(t, program, "challenge", "list");
    assert.deepEqual([list.code, list.out], [0, "No pending challenges.\n"]);
  });

  it("signs somebody out everywhere", async (t) => {
    const stage = stageOf(program);
    await register(stage, person("leaver"));
    assert.equal((await admin(t, program, "user", "sign-out", "leaver")).code, 0);
    assert.equal((await stage.browser.visit("/account")).url.pathname, "/login");
  });

  it("R22: disables an account, which then answers a right password as a wrong one, and enables it", async (t) => {
    const stage = stageOf(program);
    await register(stage, person("leave-of-absence"));
    assert.equal((await admin(t, program, "user", "disable", "leave-of-absence")).code, 0);
    assert.equal((await stage.browser.visit("/account")).url.pathname, "/login");
    const [browser, username] = [program.openBrowser(), "leave-of-absence"];
    const right = await browser.post("/login", { username, password: person(username).password });
    const wrong = await browser.post("/login", { username, password: "not the password" });
    assert.deepEqual([right.status, right.body], [422, wrong.body]);
    assert.equal((await admin(t, program, "user", "enable", "leave-of-absence")).code, 0);
    await signInByPassword(stageOf(program), person("leave-of-absence"));
  });

  it("C3: deletes an account for good, once that was said", async (t) => {
    const stage = stageOf(program);
    await register(stage, person("goner"));
    assert.equal((await admin(t, program, "user", "delete", "goner")).code, 2);
    assert.equal((await admin(t, program, "user", "delete", "goner", "--yes")).code, 0);
    assert.equal((await stage.browser.visit("/account")).url.pathname, "/login");
    assert.equal((await admin(t, program, "user", "delete", "goner", "--yes")).code, 1);
  });

  it("C6: takes accounts of another system from a file, and writes such a file", async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "countersign-accounts-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const file = path.join(folder, "accounts");
    assert.equal((await admin(t, program, "user", "import", file)).code, 1);
    const hash = "$2b$04$KlJkVkDLdhyG4SSgHE2YM.1jIfcJjkeeZ4yBj4iOFFLrTuPfzcTWO";
    writeFileSync(file, `name,email,hash\ncomer,comer@example.com,${hash}\ncomer,x@example.com,\n`);
    const refused = await admin(t, program, "user", "import", file, "--json");
    assert.deepEqual([refused.code, rowsOf(refused)], [1, [{ line: 3, reason: "the name stands in line 2 already" }]]);
    writeFileSync(file, `name,email,hash\ncomer,comer@example.com,${hash}\n`);
    assert.deepEqual(rowsOf(await admin(t, program, "user", "import", file, "--json")), [{ taken: 1 }]);
    const lines = (await admin(t, program, "user", "export", "--hashes")).out.trim().split("\n");
    const found = lines.map((line) => JSON.parse(line) as Record<string, string>).find(({ name }) => name === "comer");
    assert.deepEqual(found, { name: "comer", email: "comer@example.com", hash });
    assert.doesNotMatch((await admin(t, program, "user", "export", "--json")).out, /argon2|\$2b/);
    const acts = rowsOf(await admin(t, program, "history", "--json")).map(({ about, what, how }) => [about, what, how]);
    assert.deepEqual(acts, [
      ["database", "accounts-exported", ""],
      ["database", "accounts-exported", "with hashes"],
    ]);
  });

  it("R54: puts accounts into groups, and verifies addresses", async (t) => {
    await register(stageOf(program), person("member"));
    assert.equal((await admin(t, program, "group", "add", "staff", "member", "nobody")).code, 1);
    assert.equal((await admin(t, program, "group", "add", "staff", "member")).code, 0);
    const verified = await admin(t, program, "user", "verify-email", "member", "--json");
    assert.deepEqual(rowsOf(verified)[0]?.["groups"], "staff");
    assert.match(String(rowsOf(verified)[0]?.["emailVerifiedAt"]), /^20/);
    assert.equal((await admin(t, program, "group", "remove", "staff", "member")).code, 0);
    assert.deepEqual(rowsOf(await admin(t, program, "group", "list", "--json")), []);
  });

  it("R21: adds clients that admit nobody, and keeps a history of what was done to them", async (t) => {
    const client = (...args: string[]) => admin(t, program, "client", ...args, "--json");
    const [added] = rowsOf(await client("add", "wiki", "--name", "Wiki", "--redirect", "https://wiki.example/back"));
    assert.match(String(added?.["secret"]), /^[\w-]{43}$/);
    assert.equal((await client("add", "tv", "--name", "Television", "--device")).code, 0);
    assert.equal((await client("add", "none", "--name", "No address")).code, 2);
    assert.equal(rowsOf(await client("list")).find(({ id }) => id === "wiki")?.["admits"], "nobody");
    assert.equal((await client("admit", "wiki", "group:staff")).code, 0);
    const [rotated] = rowsOf(await client("rotate-secret", "wiki", "--overlap", "0"));
    assert.notEqual(rotated?.["secret"], added?.["secret"]);
    assert.equal((await client("remove", "tv")).code, 0);
    const shown = rowsOf(await client("show", "wiki"));
    assert.equal(shown[0]?.["secrets"], 1);
    assert.deepEqual(
      shown.slice(1).map(({ what, how }) => [what, how]),
      [
        ["application-secret-rotated", "0"],
        ["application-admits", "group:staff"],
        ["application-added", "secret"],
      ],
    );
  });

  it("looks at everything with doctor, and says what to mend", async (t) => {
    const well = await admin(t, program, "doctor", "--json");
    assert.equal(well.code, 0, well.out);
    assert.deepEqual(
      rowsOf(well).map((row) => [row["what"], row["state"]]),
      [
        ["database", "ok"],
        ["migrations", "ok"],
        ["tables", "ok"],
        ["indexes", "ok"],
        ["clock", "ok"],
        ["disk", "ok"],
        ["key files", "ok"],
        ["redis", "ok"],
        ["redis memory", "ok"],
        ["redis disk", "ok"],
        ["processes", "ok"],
        ["public address", "ok"],
        ["web keys", "ok"],
        ["proxies", "ok"],
        ["cookies", "ok"],
        ["signing keys", "ok"],
        ["secret keys", "ok"],
        ["sign-out notices", "ok"],
        ["questions", "ok"],
        ["push subject", "ok"],
        ["authy", "ok"],
        ["callback address", "ok"],
        ["passkeys", "ok"],
      ],
    );
    const command = runCommand(t, process.execPath, [bundleOf("dist/scripts/admin.js"), "doctor"], {
      ...program.env,
      AUTHY_PRODUCTION_API_KEY: "another-key-than-the-right-one",
    });
    assert.equal(await command.exitCode, 1);
    assert.match(command.stdout(), /^authy +bad .*check AUTHY_API_URL and AUTHY_PRODUCTION_API_KEY/m);
    const refused = runCommand(t, process.execPath, [bundleOf("dist/scripts/admin.js"), "doctor", "--json"], {
      ...program.env,
      VAPID_SUBJECT: "https://localhost",
    });
    assert.equal(await refused.exitCode, 78);
    const [found] = JSON.parse(refused.stdout()) as Record<string, string>[];
    assert.deepEqual([found?.["what"], found?.["state"]], ["VAPID_SUBJECT", "bad"]);
    assert.match(refused.stderr(), /^ {2}VAPID_SUBJECT: .*mailto:ops@example\.com/m);
  });

  it("answers a wrong command with the list of right ones, and an unknown name with one sentence", async (t) => {
    for (const args of [["user", "erase", "x"], ["user", "show"], ["--colour"], []]) {
      const said = await admin(t, program, ...args);
      assert.equal(said.code, 2, args.join(" "));
      assert.match(said.err, /user reset-2fa NAME/);
    }
    const unknown = await admin(t, program, "user", "unlock", "nobody");
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /no account named "nobody"/);
    assert.equal((await admin(t, program, "--help")).code, 0);
    const help = await admin(t, program, "doctor", "--help");
    assert.deepEqual([help.code, /Exit code 0: all is well/.test(help.out)], [0, true]);
  });
});
