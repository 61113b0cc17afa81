import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { formHeaders, openWire, type Wire } from "../trials/attack/wire.js";
import { isSignedIn, openHouse, type Person } from "./house.js";

const house = await openHouse({ after });

/** The browser as it stays when a reply, with its cookies, never reaches it. */
async function before(wire: Wire, site = wire.origin): Promise<Wire> {
  const copy = openWire(site, { token: await wire.token() });
  for (const [name, value] of wire.cookies) copy.cookies.set(name, value);
  return copy;
}

/** Approves a step-up whose reply is lost. @returns the browser without it, and the one that got it. */
async function stepUpWithLostReply(person: Person): Promise<{ without: Wire; got: Wire }> {
  const got = person.wire;
  await got.post("/account/approval", { action: "new-recovery-codes" });
  await house.tap(person);
  const without = await before(got);
  const reply = await got.post("/account/approval/finish");
  assert.equal(reply.location, "/account/recovery-codes");
  return { without, got };
}

/** Opens the next page as a browser does that follows redirects, and whose waiting page finishes by itself. */
async function opensAccount(wire: Wire): Promise<boolean> {
  for (let page = "/account", hops = 0; hops < 8; hops += 1) {
    const reply = await wire.get(page);
    const finish = /action="([^"]+\/finish)"/.exec(reply.body)?.[1];
    if (reply.status === 200 && finish === undefined) return page === "/account" || isSignedIn(wire);
    page = finish === undefined ? reply.location : (await wire.post(finish)).location;
  }
  return false;
}

const living = (person: Person): number =>
  house.rows.count(
    "SELECT count(*) FROM sessions WHERE ended_at IS NULL AND level > 0 AND subscriber_id = ?",
    house.subscriberId(person),
  );

const COPIED = [
  "attempt_id",
  "subscriber_id",
  "factor_id",
  "browser_hash",
  "is_known_browser",
  "authy_id",
  "expires_at",
];
const COLUMNS = ["id", "authy_uuid", "state", "created_at", "version", "settled_at", "settled_by", ...COPIED];

const granted = (person: Person): number =>
  house.rows.count(
    "SELECT count(*) FROM attempts WHERE state = 'granted' AND subscriber_id = ?",
    house.subscriberId(person),
  );

describe("a lost reply", () => {
  it("F13: to a step-up costs neither the session nor the approval", async () => {
    const person = await house.enrolled();
    const { without, got } = await stepUpWithLostReply(person);
    assert.equal(await isSignedIn(without), false);
    assert.equal((await without.post("/account/approval/finish")).location, "/account/recovery-codes");
    assert.equal(await isSignedIn(without), true);
    assert.equal(await isSignedIn(got), false, "the session of the lost reply has ended");
    assert.equal(granted(person), 1);
    assert.equal((await without.post("/account/recovery-codes")).status, 303);
    assert.equal(granted(person), 0, "the step-up was used");
    assert.equal(
      house.rows.count(
        "SELECT count(*) FROM audit_events WHERE kind = 'step-up' AND subscriber_id = ?",
        house.subscriberId(person),
      ),
      1,
    );
  });

  it("T3: is no way back in after a logout", async () => {
    const person = await house.enrolled();
    const { without, got } = await stepUpWithLostReply(person);
    await got.post("/logout");
    assert.equal((await without.post("/account/approval/finish")).location.startsWith("/login"), true);
    assert.equal(await isSignedIn(without), false);
  });

  it("T5: is handed over to the browser that asked, and to no other", async () => {
    const person = await house.enrolled();
    const { without, got } = await stepUpWithLostReply(person);
    without.cookies.delete("countersign-step-up");
    await without.post("/account/approval/finish");
    assert.equal(await isSignedIn(without), false);
    assert.equal(await isSignedIn(got), true);
  });

  it("F13: to a step-up that a process of the release before left half done is made up for", async () => {
    const person = await house.enrolled();
    const { wire } = person;
    await wire.post("/account/approval", { action: "new-recovery-codes" });
    const { uuid } = await house.tap(person);
    house.rows.run(
      `UPDATE challenges SET state = 'consumed', version = version + 1, consumed_at = settled_at WHERE authy_uuid = ?`,
      uuid,
    );
    house.rows.run(
      `UPDATE attempts SET state = 'granted', granted_at = created_at
       WHERE id = (SELECT attempt_id FROM challenges WHERE authy_uuid = ?)`,
      uuid,
    );
    const old = await before(wire);
    assert.equal((await wire.post("/account/approval/finish")).location, "/account/recovery-codes");
    assert.equal(await isSignedIn(old), false, "S1: under a new id");
    await wire.post("/account/recovery-codes");
    assert.equal(granted(person), 0, "the step-up was used");
  });

  it("T4: of a step-up that two tabs finish leaves it with the session that stays", async () => {
    const person = await house.enrolled();
    await person.wire.post("/account/approval", { action: "new-recovery-codes" });
    await house.tap(person);
    const body = new URLSearchParams({ csrf: await person.wire.token() }).toString();
    const tabs = [await before(person.wire), await before(person.wire)];
    // While the rows are locked each tab reads them as they are, and stops at its first change of them.
    house.rows.run("BEGIN IMMEDIATE");
    const finishing = tabs.map((tab) =>
      tab.send("POST", "/account/approval/finish", { body, headers: formHeaders(tab.origin) }),
    );
    for (let asks = 0; asks < 10; asks += 1) await person.wire.get("/healthz");
    house.rows.run("COMMIT");
    await Promise.all(finishing);
    const signedIn: Wire[] = [];
    for (const tab of tabs) if (await isSignedIn(tab)) signedIn.push(tab);
    assert.equal(signedIn.length, 1, "sessions of one approval");
    await signedIn[0]?.post("/account/recovery-codes");
    assert.equal(granted(person), 0, "the step-up was used");
  });

  for (const [act, waits, goesOn] of [
    ["a sign-in", "/login/approval", "/account"],
    ["a step-up", "/account/approval", "/account/recovery-codes"],
  ] as const) {
    it(`F13: to ${act}, from a database that went away on the way, costs neither the approval nor the session`, async () => {
      const person = await house.enrolled();
      const { wire } = person;
      if (act === "a step-up") await wire.post(waits, { action: "new-recovery-codes" });
      else await house.login(wire, person); // while signed in still
      await house.tap(person);
      house.rows.run("CREATE TRIGGER away BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'away'); END");
      const failed = await wire.post(`${waits}/finish`);
      house.rows.run("DROP TRIGGER away");
      assert.equal(failed.status, 500);
      assert.equal(await isSignedIn(wire), true, "as before");
      assert.equal((await wire.post(`${waits}/finish`)).location, goesOn);
      assert.equal(await isSignedIn(wire), true);
      assert.equal(living(person), 1);
    });

    it(`T4: to eight finishes of ${act} at once, through two processes: one session lives, and every tab's next page is in it`, async () => {
      const person = await house.enrolled();
      const { wire } = person;
      if (act === "a step-up") await wire.post(waits, { action: "new-recovery-codes" });
      else {
        await wire.post("/logout");
        await house.login(wire, person);
      }
      await house.tap(person);
      const second = await house.program.startWeb();
      const tabs = await Promise.all(
        Array.from({ length: 8 }, (_, n) => before(wire, n % 2 === 0 ? wire.origin : second.site)),
      );
      for (const reply of await Promise.all(tabs.map((tab) => tab.post(`${waits}/finish`))))
        assert.equal(reply.location, goesOn);
      assert.equal(living(person), 1);
      const signedIn = await Promise.all(tabs.map((tab) => isSignedIn(tab)));
      assert.equal(signedIn.filter(Boolean).length, 1, "one of the replies has the key of the session");
      // The browser may be left with the cookies of any of them.
      for (const tab of tabs) assert.equal(await opensAccount(tab), true);
      assert.equal(living(person), 1);
      await second.stop();
    });
  }

  it("F13: to a sign-in by code is made up for by the same form, and at the sign-in page", async () => {
    const person = await house.enrolled();
    const { wire } = person;
    await house.stepUp(wire, person, "new-recovery-codes");
    await wire.post("/account/recovery-codes");
    const codes = [...(await wire.get("/account/recovery-codes")).body.matchAll(/<code>([^<]+)<\/code>/g)];
    const recoveryCode = codes[0]?.[1] ?? "";
    for (const way of ["app code", "recovery code"]) {
      await wire.post("/logout");
      await house.login(wire, person);
      const code = way === "app code" ? await house.phone.code(person.authyId) : recoveryCode;
      const [sameForm, signInPage] = [await before(wire), await before(wire)];
      assert.equal((await wire.post("/login/code", { code })).location, "/account", way);
      assert.equal((await sameForm.post("/login/code", { code })).location, "/account", way);
      assert.equal(await isSignedIn(sameForm), true, way);
      assert.equal(await isSignedIn(wire), false, "the session of the lost reply has ended");
      assert.equal(await opensAccount(signInPage), true, way);
      assert.equal(living(person), 1);
      await signInPage.post("/logout");
      assert.equal((await sameForm.post("/login/code", { code })).location, "/login/approval", "after the logout");
      assert.equal(await isSignedIn(sameForm), false);
      for (const [name, value] of signInPage.cookies) wire.cookies.set(name, value);
    }
    const left = house.rows.count(
      "SELECT count(*) FROM recovery_codes WHERE used_at IS NULL AND subscriber_id = ?",
      house.subscriberId(person),
    );
    assert.equal(left, 9, "one code was spent");
  });

  it("T3: to a cancel that came first opens nothing, and to one that came later changes nothing", async () => {
    for (const isCancelFirst of [true, false]) {
      const person = await house.enrolled();
      const { wire } = person;
      await wire.post("/logout");
      await house.login(wire, person);
      await house.tap(person);
      const cancelling = await before(wire);
      if (isCancelFirst) await cancelling.post("/login/approval/cancel");
      await wire.post("/login/approval/finish");
      if (!isCancelFirst) await cancelling.post("/login/approval/cancel");
      assert.equal(await isSignedIn(wire), !isCancelFirst);
      assert.equal(/The request was cancelled/.test((await cancelling.get("/login")).body), isCancelFirst);
    }
  });

  it("F13: to a sign-in is made up for at the sign-in page too, as where two tabs' answers came in the wrong order", async () => {
    const person = await house.enrolled();
    const { wire } = person;
    await wire.post("/logout");
    await house.login(wire, person, { next: "/account/sessions" });
    await house.tap(person);
    const otherTab = await before(wire);
    await wire.post("/login/approval/finish");
    await otherTab.post("/login/approval/finish");
    assert.equal(await isSignedIn(wire), false, "the other tab's session took the place of this one");
    assert.equal((await wire.get("/login?next=/account")).location, "/login/approval");
    assert.match((await wire.get("/login/approval")).body, /data-state="approved"/);
    assert.equal((await wire.post("/login/approval/finish")).location, "/account/sessions");
    assert.equal(await isSignedIn(wire), true);
    await wire.post("/logout");
    assert.equal((await wire.get("/login")).status, 200, "after the logout there is nothing to make up for");
  });

  it("T3: shows no approval that counts no more, since the page would spend it over and over", async () => {
    const person = await house.enrolled();
    const stranger = house.wire();
    const shown = async (): Promise<string> => {
      assert.equal((await stranger.post("/login/approval/finish")).location, "/login/approval");
      return (await stranger.get("/login/approval")).body;
    };
    await house.signIn(stranger, person);
    await house.signIn(person.wire, person);
    await person.wire.post("/account/sessions/revoke-others");
    assert.match(await shown(), /data-state="cancelled"[^]*This request is over/, "the owner ended what it opened");
    assert.equal((await stranger.get("/login")).status, 200);

    await house.login(stranger, person);
    await house.tap(person);
    house.rows.run("UPDATE subscribers SET epoch = epoch + 1 WHERE id = ?", house.subscriberId(person));
    assert.match(await shown(), /data-state="cancelled"[^]*This request is over/, "the owner raised the alarm");
  });

  it("S2, T3: opens no session again that its owner ended", async () => {
    const person = await house.enrolled();
    const elsewhere = house.wire();
    await house.signIn(elsewhere, person);
    await house.signIn(person.wire, person);
    assert.equal(await isSignedIn(elsewhere), true);
    await person.wire.post("/account/sessions/revoke-others");
    await elsewhere.post("/login/approval/finish");
    assert.equal(await isSignedIn(elsewhere), false, "after it was signed out elsewhere");

    const copy = await before(person.wire);
    await person.wire.post("/logout");
    await copy.post("/login/approval/finish");
    assert.equal(await isSignedIn(copy), false, "after the logout");
  });
});

describe("an approval", () => {
  it("T3: counts although a new request was sent at the same moment", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const { uuid, details } = await house.tap(person);
    // As if the resend had read the row before the tap, and written its own after it.
    house.rows.run(
      `INSERT INTO challenges (${COLUMNS.join(", ")})
       SELECT 'sent again', NULL, 'pending', datetime(created_at, '+1 second'), 1, NULL, NULL, ${COPIED.join(", ")}
       FROM challenges WHERE authy_uuid = ?`,
      uuid,
    );
    const code = details["Code"];
    const reply = await wire.post("/login/approval/finish", code === undefined ? {} : { match_code: code });
    assert.equal(reply.location, "/account");
    assert.equal(await isSignedIn(wire), true);
  });

  it("that nobody used in time gives way to a new request, without any worker", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const { uuid } = await house.tap(person);
    house.rows.run(
      "UPDATE challenges SET settled_at = datetime(settled_at, '-61 seconds') || '.000' WHERE authy_uuid = ?",
      uuid,
    );
    await wire.post("/login/approval/finish");
    assert.equal(await isSignedIn(wire), false);
    assert.match((await wire.get("/login/approval")).body, /data-state="expired"/);
    await wire.post("/login/approval/resend");
    assert.equal((await house.approve(wire, person)).location, "/account");
    assert.equal(await isSignedIn(wire), true);
  });

  it("S12: nobody who is not signed in leaves a session behind by signing out", async () => {
    const before = house.rows.count("SELECT count(*) FROM sessions");
    const wire = house.wire();
    assert.equal((await wire.post("/logout")).location, "/");
    assert.equal(house.rows.count("SELECT count(*) FROM sessions"), before);
  });
});
