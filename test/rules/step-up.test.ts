import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { enrol, type Person } from "../kit/people.js";
import { startProgram } from "../kit/program.js";

const program = await startProgram({ after }, { workers: 0, env: { MATCH_CODE: "never" } });

const codesOf = (person: Person): number =>
  program.rows.count("SELECT count(*) FROM recovery_codes WHERE subscriber_id = ?", person.id);

const enrolmentsOf = (person: Person): number =>
  program.rows.count("SELECT count(*) FROM enrolments WHERE subscriber_id = ?", person.id);

describe("a sensitive act", () => {
  it("the first recovery codes need no approval in the session that added the phone, and in no other", async () => {
    const person = await enrol(program);
    program.rows.run(
      `UPDATE factors SET created_at = (SELECT max(created_at) FROM sessions s WHERE s.subscriber_id = factors.subscriber_id)
       WHERE subscriber_id = ?`,
      person.id,
    );
    const later = program.openBrowser();
    await person.signIn(later);
    await later.post("/account/recovery-codes");
    assert.equal(codesOf(person), 0, "another session");
    await person.browser.post("/account/recovery-codes");
    assert.equal(codesOf(person), 10, "the session that added the phone");
  });

  it("an approval to replace the phone starts one enrolment, and none after that was cancelled", async () => {
    const person = await enrol(program);
    const { browser } = person;
    await browser.post("/account/two-factor/registration");
    assert.equal(enrolmentsOf(person), 0, "without an approval");
    await person.stepUp("replace-phone", browser);
    await browser.post("/account/two-factor/registration");
    assert.equal(enrolmentsOf(person), 1, "with one");
    await browser.post("/account/two-factor/registration/cancel");
    await browser.post("/account/two-factor/registration");
    assert.equal(enrolmentsOf(person), 1, "with the same after a cancel");
  });
});
