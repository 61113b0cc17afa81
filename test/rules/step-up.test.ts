import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { openHouse, type Person } from "./house.js";

const house = await openHouse({ after }, { MATCH_CODE: "never" });

const codesOf = (person: Person): number =>
  house.rows.count("SELECT count(*) FROM recovery_codes WHERE subscriber_id = ?", house.subscriberId(person));

const enrolmentsOf = (person: Person): number =>
  house.rows.count("SELECT count(*) FROM enrolments WHERE subscriber_id = ?", house.subscriberId(person));

describe("a sensitive act", () => {
  it("the first recovery codes need no approval in the session that added the phone, and in no other", async () => {
    const person = await house.enrolled();
    house.rows.run(
      `UPDATE factors SET created_at = (SELECT max(created_at) FROM sessions s WHERE s.subscriber_id = factors.subscriber_id)
       WHERE subscriber_id = ?`,
      house.subscriberId(person),
    );
    const later = house.wire();
    await house.signIn(later, person);
    await later.post("/account/recovery-codes");
    assert.equal(codesOf(person), 0, "another session");
    await person.wire.post("/account/recovery-codes");
    assert.equal(codesOf(person), 10, "the session that added the phone");
  });

  it("an approval to replace the phone starts one enrolment, and none after that was cancelled", async () => {
    const person = await house.enrolled();
    const { wire } = person;
    await wire.post("/account/two-factor/registration");
    assert.equal(enrolmentsOf(person), 0, "without an approval");
    await house.stepUp(wire, person, "replace-phone");
    await wire.post("/account/two-factor/registration");
    assert.equal(enrolmentsOf(person), 1, "with one");
    await wire.post("/account/two-factor/registration/cancel");
    await wire.post("/account/two-factor/registration");
    assert.equal(enrolmentsOf(person), 1, "with the same after a cancel");
  });
});
