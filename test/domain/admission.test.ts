import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { type Admission, admission, type Applicant } from "../../src/domain/admission.js";
import type { Application } from "../../src/domain/application.js";

const NOW = new Date("2026-11-24T10:00:00.000Z");

type Demand = Pick<Application, "level" | "maxAgeSeconds" | "admitsEveryone" | "groups">;

function asked(demand: Partial<Demand>, applicant: Partial<Applicant> | null): Admission {
  const application = { level: 2, maxAgeSeconds: null, admitsEveryone: true, groups: [], ...demand } as const;
  return admission(application, applicant && { ...SOMEBODY, ...applicant }, NOW);
}

function signedIn(given: Partial<Applicant["session"]>): Applicant["session"] {
  return { level: 2, epoch: 1, authenticatedAt: NOW, ...given };
}

function account(given: Partial<Applicant["subscriber"]>): Applicant["subscriber"] {
  return { epoch: 1, disabledAt: null, mustChangePassword: false, ...given };
}

const SOMEBODY: Applicant = {
  session: signedIn({}),
  subscriber: account({}),
  groups: ["staff"],
  reachableLevel: 2,
};

describe("admission", () => {
  it("R21: admits nobody until an operator says whom", () => {
    assert.equal(asked({ admitsEveryone: false }, {}), "refused");
    assert.equal(asked({ admitsEveryone: false, groups: ["staff"] }, { groups: [] }), "refused");
    assert.equal(asked({ admitsEveryone: false, groups: ["board", "staff"] }, {}), "yes");
    assert.equal(asked({ admitsEveryone: true }, { groups: [] }), "yes");
  });

  it("R22: is never yes for nobody, a former epoch, a disabled account or one that must have a new password", () => {
    assert.equal(asked({}, null), "sign-in");
    assert.equal(asked({}, { subscriber: account({ epoch: 2 }) }), "sign-in");
    assert.equal(asked({}, { subscriber: account({ disabledAt: NOW }) }), "sign-in");
    assert.equal(asked({}, { subscriber: account({ mustChangePassword: true }) }), "sign-in");
  });

  it("R23: passes no level below the one that is asked for, and any above it", () => {
    for (const level of [1, 2, 3] as const)
      for (const held of [1, 2, 3] as const) {
        const answer = asked({ level }, { session: signedIn({ level: held }), reachableLevel: 3 });
        assert.equal(answer, held >= level ? "yes" : "again", `${held} where ${level} is asked for`);
      }
    assert.equal(asked({ level: 2 }, { session: signedIn({ level: 1 }), reachableLevel: 1 }), "phone");
    assert.equal(asked({ level: 3 }, { session: signedIn({ level: 2 }), reachableLevel: 2 }), "phone");
  });

  it("R22: asks for a new sign-in once the present one is too old for the application", () => {
    const minuteAgo = signedIn({ authenticatedAt: new Date(NOW.getTime() - 60_000) });
    assert.equal(asked({ maxAgeSeconds: 60 }, { session: minuteAgo }), "yes");
    assert.equal(asked({ maxAgeSeconds: 59 }, { session: minuteAgo }), "again");
    assert.equal(asked({ maxAgeSeconds: null }, { session: minuteAgo }), "yes");
    assert.equal(asked({ maxAgeSeconds: 59, admitsEveryone: false }, { session: minuteAgo }), "refused");
  });
});
