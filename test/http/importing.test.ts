import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { hash as bcrypt } from "@node-rs/bcrypt";

import { importAccounts } from "../../src/domain/import-accounts.js";
import { openBrowser } from "../kit/browser.js";
import { csvOf, foreigners, jsonOf } from "../trials/import/files.js";
import { serveApplication } from "./served-application.js";

const { origin, deps } = await serveApplication({ after }, { LIMIT_FAILURES: "0", FAILURE_WAIT_SECONDS: "0" });
const HASH = await bcrypt("violet harbour lantern nine", 4);

const accountOf = (name: string) => deps.subscribers.findByName(name);
const signIn = (username: string, password: string) => openBrowser(origin).post("/login", { username, password });

/** What is wrong with each line of a file: number and code. */
async function wrongIn(text: string): Promise<string[]> {
  const before = await deps.subscribers.list(0, 1000);
  const imported = await importAccounts(deps, text);
  assert.ok("problems" in imported, "it was taken");
  assert.deepEqual(await deps.subscribers.list(0, 1000), before, "a part of it was taken");
  return imported.problems.map(({ line, reason }) => `${line} ${reason.code}`);
}

describe("accounts of another system", () => {
  it("C6 C7 are taken from CSV and sign in with each kind of hash, which is made anew once", async () => {
    const people = await foreigners(40);
    assert.deepEqual(await importAccounts(deps, `\uFEFF${csvOf(people).replaceAll("\n", "\r\n")}`), { taken: 40 });
    for (const { name, hash, password } of people.slice(0, 8)) {
      assert.equal((await accountOf(name))?.passwordHash, hash);
      assert.equal((await signIn(name, `${password} `)).status, 422);
      assert.equal((await accountOf(name))?.passwordHash, hash, "a wrong password was hashed");
      assert.equal((await signIn(name, password)).location, "/account");
      const anew = (await accountOf(name))?.passwordHash ?? "";
      assert.match(anew, /^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
      assert.equal((await signIn(name, password)).location, "/account");
      assert.equal((await accountOf(name))?.passwordHash, anew);
    }
    const [first] = await deps.audit.list((await accountOf("person-30"))?.id ?? "", { limit: 5 });
    assert.deepEqual([first?.kind, first?.detail], ["imported", "operator"]);
    assert.equal((await accountOf("person-30"))?.emailVerifiedAt, null);
  });

  it("C6 are taken from JSON lines; one that was disabled stays so", async () => {
    const [one, two] = await foreigners(2);
    assert.ok(one && two);
    const text =
      jsonOf([{ ...one, name: "Json-One" }]) +
      JSON.stringify({ name: "json-two", email: two.email, hash: two.hash, disabled: true });
    assert.deepEqual(await importAccounts(deps, text), { taken: 2 });
    assert.equal((await signIn("json-one", one.password)).location, "/account");
    assert.equal((await signIn("json-two", two.password)).status, 422);
  });

  it("C7 judges what was hashed as it was typed, whatever its Unicode form", async () => {
    const typed = "ﬁfty purple lanterns";
    const hash = await bcrypt(typed, 4);
    await importAccounts(deps, JSON.stringify({ name: "ligature", email: "l@example.com", hash }));
    assert.equal((await signIn("ligature", typed)).location, "/account");
    assert.equal((await signIn("ligature", typed.normalize("NFKC"))).location, "/account");
  });

  it("C6 are taken whole or not at all, and each wrong line is named", async () => {
    const header = "name,email,hash";
    const good = `fresh,fresh@example.com,${HASH}`;
    assert.deepEqual(await wrongIn(""), ["1 empty"]);
    assert.deepEqual(await wrongIn(`name,email\n${good}`), ["1 key-missing"]);
    assert.deepEqual(await wrongIn(`name,email,hash,phone\n${good},1`), ["1 key-unknown"]);
    assert.deepEqual(await wrongIn(`${good}\n${good}`), ["1 key-unknown"], "a file without its header");
    const wrong = [
      header,
      good,
      `fresh-two,two@example.com,"${HASH}`,
      "",
      `fresh-three,three@example.com,$scrypt$ln=14,r=8,p=1$aaaaaaaaaaaaaaaaaaaaaa$${"a".repeat(43)}`,
      `fresh four,four@example.com,${HASH}`,
      `fresh-five,five.example.com,${HASH}`,
      `fresh-six,six@example.com,not-a-hash`,
      `fresh-seven,seven@example.com,${HASH.replace("$04$", "$20$")}`,
      `FRESH,again@example.com,${HASH}`,
    ];
    assert.deepEqual(await wrongIn(wrong.join("\n")), [
      ...["3 quotes", "5 fields", "6 name", "7 email", "8 hash-form", "9 hash-cost", "10 twice"],
    ]);
    const json = [`{"name":"fresh"}`, "{", "[1]", `{"name":1,"email":"a@example.com","hash":""}`];
    assert.deepEqual(await wrongIn(json.join("\n")), [
      "1 key-missing",
      "2 not-json",
      "3 not-an-object",
      "4 key-not-text",
    ]);
    await importAccounts(deps, `${header}\ntaken,t@example.com,${HASH}`);
    assert.deepEqual(await wrongIn(`${header}\n${good}\nTaken,t@example.com,${HASH}`), ["3 exists"]);
  });

  it("C8 are not told by the time of a refusal: none is quicker than their hashes", async () => {
    const hash = await bcrypt("violet harbour lantern nine", 11);
    await importAccounts(deps, `name,email,hash\nslow,slow@example.com,${hash}`);
    await deps.passwords.learnFloor(await deps.subscribers.someForeignHashes(50));
    const floor = deps.passwords.floorMs();
    for (const name of ["slow", "nobody-at-all", "person-0"]) {
      const startedAt = performance.now();
      assert.equal((await signIn(name, "not the password")).status, 422);
      assert.ok(performance.now() - startedAt >= floor - 5, name);
    }
    assert.ok(floor > 30, `a floor of ${floor} ms`);
  });
});
