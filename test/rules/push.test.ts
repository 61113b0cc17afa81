import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { type Ring } from "../trials/attack/phone.js";
import { openWire, type Reply, type Wire } from "../trials/attack/wire.js";
import { plainText, pushText } from "../../src/domain/push-text.js";
import { pushWords } from "../../src/http/push-words.js";
import { loadText } from "../../src/http/text.js";
import { isSignedIn, openHouse, type Person, setBack } from "./house.js";

const house = await openHouse(
  { after },
  { LIMIT_PUSHES: "4", LIMIT_RESENDS: "2", PUSH_FREEZE_SECONDS: "600", APPROVED_TTL_SECONDS: "300" },
);
const paced = await openHouse(
  { after },
  { RESEND_AFTER_SECONDS: "60", LIMIT_RESENDS: "2", RESEND_WINDOW_SECONDS: "600" },
);

describe("pushes", () => {
  const rang = async (person: Person): Promise<number> => (await house.phone.rings(person.authyId)).length;
  const finish = (wire: Wire, code?: string): Promise<Reply> =>
    wire.post("/login/approval/finish", code === undefined ? {} : { match_code: code });
  const wrong = (code = ""): string => String((Number(code) + 1) % 1_000_000).padStart(6, "0");

  it("P1 sends no push before the right password", async () => {
    const person = await house.enrolled();
    for (const password of ["", "wrong", `${person.password} `, person.password.toUpperCase()])
      await house.login(house.wire(), { ...person, password });
    for (const path of ["/login/approval", "/login/code"]) await house.wire().get(path);
    for (const path of ["/login/approval/resend", "/login/approval/finish", "/login/code/sms"])
      await house.wire().post(path);
    assert.equal(await rang(person), 0);
  });

  it("P2 sends one push for a refresh, a double click and 50 parallel sign-ins of one browser", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await wire.token();
    const answers = await Promise.all(Array.from({ length: 50 }, () => house.login(wire, person)));
    for (const { location } of answers) assert.equal(location, "/login/approval");
    for (let times = 0; times < 5; times += 1) await wire.get("/login/approval");
    assert.equal(await rang(person), 1);
    await house.approve(wire, person);
    assert.equal(await isSignedIn(wire), true);
  });

  it("P2 supersedes the former push when the same browser signs in once more", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const first = await house.ring(person.authyId);
    await house.login(wire, person);
    assert.equal(await rang(person), 2);
    await house.callback(first.uuid, person.authyId, "approved");
    await finish(wire, first.details["Code"]);
    assert.equal(await isSignedIn(wire), false);
  });

  const letPauseEnd = (person: Person): void => {
    paced.rows.run(`UPDATE challenges SET ${setBack(61, "created_at")} WHERE authy_id = ?`, String(person.authyId));
  };

  it("P3 takes a resend after the pause only, and no more than the limit, with 429 and Retry-After", async () => {
    const person = await paced.enrolled();
    const wire = paced.wire();
    await paced.login(wire, person);
    const early = await wire.post("/login/approval/resend");
    assert.equal(early.status, 429);
    const pause = Number(early.headers["retry-after"]);
    assert.ok(pause > 0 && pause <= 60, `Retry-After is ${pause}`);
    for (let times = 0; times < 2; times += 1) {
      letPauseEnd(person);
      assert.equal((await wire.post("/login/approval/resend")).status, 303);
    }
    letPauseEnd(person);
    const late = await wire.post("/login/approval/resend");
    assert.equal(late.status, 429);
    const rest = Number(late.headers["retry-after"]);
    assert.ok(rest > 60 && rest <= 600, `the limit, not the pause, refuses: Retry-After is ${rest}`);
    assert.equal((await paced.phone.rings(person.authyId)).length, 3);
  });

  it("P3 sends one push for 20 resends at once", async () => {
    const person = await paced.enrolled();
    const wire = paced.wire();
    await paced.login(wire, person);
    letPauseEnd(person);
    await Promise.all(Array.from({ length: 20 }, () => wire.post("/login/approval/resend")));
    assert.equal((await paced.phone.rings(person.authyId)).length, 2);
  });

  it("P4 sends no more than the budget to strangers' browsers until a success there, and offers other ways", async () => {
    const person = await house.enrolled();
    const wires = Array.from({ length: 8 }, () => house.wire());
    for (const wire of wires) await house.login(wire, person);
    assert.equal(await rang(person), 4);
    const [, , , , , last = house.wire()] = wires;
    const page = await last.get("/login/approval");
    assert.match(page.body, /data-state="paused"/);
    assert.match(page.body, /href="\/login\/code"/);
    const right = await last.post("/login/code", { code: await house.phone.code(person.authyId) });
    assert.equal(right.location, "/account");
    await house.login(house.wire(), person);
    assert.equal(await rang(person), 5, "a success renews the budget");
  });

  it("P4 sends no more than the budget when many ask at once", async () => {
    const person = await house.enrolled();
    const wires = await Promise.all(
      Array.from({ length: 24 }, async () => {
        const wire = house.wire();
        await wire.token();
        return wire;
      }),
    );
    await Promise.all(wires.map((wire) => house.login(wire, person)));
    assert.equal((await rang(person)) <= 4, true, `${await rang(person)} pushes`);
  });

  it("P10 keeps the owner's budget apart from the strangers', and a success of the owner gives strangers nothing", async () => {
    const person = await house.enrolled();
    for (let times = 0; times < 6; times += 1) await house.login(house.wire(), person);
    assert.equal(await rang(person), 4);
    await person.wire.post("/logout");
    await house.login(person.wire, person);
    assert.equal(await rang(person), 5);
    await house.approve(person.wire, person);
    assert.equal(await isSignedIn(person.wire), true);
    await house.login(house.wire(), person);
    assert.equal(await rang(person), 5);
  });

  it("P5 pauses pushes for strangers after a denial, shows it to the owner, and lets known browsers go on", async () => {
    const person = await house.enrolled();
    const thief = house.wire();
    await house.login(thief, person);
    const { uuid } = await house.ring(person.authyId);
    await house.phone.answer(uuid, "deny");
    await house.settled(uuid);
    assert.match((await thief.get("/login/approval")).body, /data-state="denied"/);
    await house.login(house.wire(), person);
    assert.equal(await rang(person), 1);
    assert.match((await person.wire.get("/account/activity")).body, /denied/i);
    await person.wire.post("/logout");
    await house.login(person.wire, person);
    assert.equal(await rang(person), 2);
    house.rows.run(
      `UPDATE subscribers SET ${setBack(600, "push_frozen_until")} WHERE id = ?`,
      house.subscriberId(person),
    );
    await house.login(house.wire(), person);
    assert.equal(await rang(person), 3, "the pause ends");
  });

  it('P5 makes "not me" end every session and attempt and ask for a new password, but only after a denial', async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    assert.equal((await wire.post("/login/approval/not-me", { confirm: "yes" })).location, "/login/approval");
    assert.equal(await isSignedIn(person.wire), true);
    const { uuid } = await house.ring(person.authyId);
    await house.phone.answer(uuid, "deny");
    await house.settled(uuid);
    assert.equal((await wire.post("/login/approval/not-me", { confirm: "yes" })).location, "/login");
    assert.equal(await isSignedIn(person.wire), false);
    await house.signIn(person.wire, person);
    assert.equal((await person.wire.get("/account")).location, "/account/password");
  });

  it("P6 supersedes the former push of this browser, and no other's; approving the old one does nothing", async () => {
    const person = await house.enrolled();
    const [one, other] = [house.wire(), house.wire()];
    await house.login(other, person);
    const others = await house.ring(person.authyId);
    await house.login(one, person);
    const mine = (await house.phone.rings(person.authyId)).filter(({ uuid }) => uuid !== others.uuid);
    const [first] = mine;
    await one.post("/login/approval/resend");
    await house.callback(first?.uuid ?? "", person.authyId, "approved");
    assert.equal((await finish(one, first?.details["Code"])).location, "/login/approval?still=pending");
    assert.equal(await isSignedIn(one), false);
    await house.phone.answer(others.uuid, "approve");
    await house.settled(others.uuid);
    await finish(other, others.details["Code"]);
    assert.equal(await isSignedIn(other), true);
    assert.equal(await isSignedIn(one), false);
  });

  it("P7 asks an unknown browser for six digits that only the phone shows; an approval alone is not enough", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const { uuid, details } = await house.ring(person.authyId);
    const code = details["Code"] ?? "";
    assert.match(code, /^\d{6}$/);
    assert.equal((await wire.get("/login/approval")).body.includes(code), false);
    assert.equal(JSON.stringify(house.rows.all("SELECT * FROM challenges")).includes(code), false);
    await house.phone.answer(uuid, "approve");
    await house.settled(uuid);
    for (const nothing of [undefined, "", "   "]) {
      const { status, body } = await finish(wire, nothing);
      assert.equal(status, 422);
      assert.match(body, /5 tries left/);
    }
    const once = await finish(wire, wrong(code));
    assert.equal(once.status, 422);
    assert.match(once.body, /4 tries left/);
    assert.equal(await isSignedIn(wire), false);
    await finish(wire, code);
    assert.equal(await isSignedIn(wire), true);
  });

  it("P7 ends the attempt with the fifth wrong code, also when they come at once, and the right one is too late", async () => {
    for (const atOnce of [false, true]) {
      const person = await house.enrolled();
      const wire = house.wire();
      await house.login(wire, person);
      const { details } = await house.tap(person);
      const code = details["Code"] ?? "";
      if (atOnce) await Promise.all(Array.from({ length: 12 }, () => finish(wire, wrong(code))));
      else {
        for (let tries = 0; tries < 4; tries += 1) await finish(wire, wrong(code));
        const fifth = await finish(wire, wrong(code));
        assert.equal(fifth.status, 422);
        assert.match(fifth.body, /<h1>Too many wrong digits/);
      }
      await finish(wire, code);
      assert.equal(await isSignedIn(wire), false);
      const failures = house.rows.one("SELECT count FROM failure_counts WHERE bucket = ?", `name:${person.username}`);
      assert.equal(failures?.["count"], 5, "they are counted among the account's failures");
    }
  });

  it("P7 resets no tries with a new code", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const first = await house.ring(person.authyId);
    await house.callback(first.uuid, person.authyId, "approved");
    for (let tries = 0; tries < 3; tries += 1) await finish(wire, wrong(first.details["Code"]));
    house.rows.run("UPDATE challenges SET state = 'expired' WHERE authy_uuid = ?", first.uuid);
    await wire.post("/login/approval/resend");
    const second = (await house.phone.rings(person.authyId)).find(({ uuid }) => uuid !== first.uuid);
    await house.callback(second?.uuid ?? "", person.authyId, "approved");
    assert.match((await finish(wire, wrong(second?.details["Code"]))).body, /1 try left/);
    await finish(wire, wrong(second?.details["Code"]));
    await finish(wire, second?.details["Code"]);
    assert.equal(await isSignedIn(wire), false);
  });

  it("P8 knows a browser by a signed cookie of this account alone, never by address or user agent", async () => {
    const [person, other] = [await house.enrolled(), await house.enrolled()];
    const newest = async (count: number): Promise<Ring | undefined> => {
      const rings = await house.phone.rings(person.authyId);
      assert.equal(rings.length, count);
      return rings[0];
    };
    const same = house.wire();
    await house.login(same, person);
    assert.match((await newest(1))?.details["Code"] ?? "", /^\d{6}$/, "same address and agent");
    await other.wire.post("/logout");
    const borrowed = house.wire();
    const known = [...other.wire.cookies].filter(([name]) => name.includes("known"));
    for (const [name, value] of known) borrowed.cookies.set(name, value);
    await house.login(borrowed, person);
    assert.match((await newest(2))?.details["Code"] ?? "", /^\d{6}$/, "the cookie of another account");
    const tampered = house.wire();
    for (const [name, value] of person.wire.cookies)
      if (name.includes("known"))
        tampered.cookies.set(
          name,
          name.endsWith(".sig") ? value : `${value.startsWith("A") ? "B" : "A"}${value.slice(1)}`,
        );
    await house.login(tampered, person);
    assert.match((await newest(3))?.details["Code"] ?? "", /^\d{6}$/, "a spoilt cookie");
  });

  it("P8 forgets known browsers when the password changes or a phone is bound", async () => {
    const person = await house.register();
    const early = house.wire();
    await house.login(early, person); // with the password alone, before there was a phone
    await person.wire.post("/account/two-factor/registration");
    await person.wire.post("/account/two-factor/registration/cancel");
    await house.addPhone(person);
    await early.post("/logout");
    await house.login(early, person);
    assert.notEqual((await house.ring(person.authyId)).details["Code"], undefined);
    await house.approve(early, person);
    await early.post("/logout");
    await house.stepUp(person.wire, person, "change-password");
    const changed = { ...person, password: "amber window river nine" };
    await person.wire.post("/account/password", { current_password: person.password, password: changed.password });
    await house.login(early, changed);
    const open = (await house.phone.rings(person.authyId)).filter(({ status }) => status === "pending");
    assert.equal(open.length, 1, "the last sign-in alone still waits");
    assert.match(open[0]?.details["Code"] ?? "", /^\d{6}$/);
  });

  it("P7 asks every browser where MATCH_CODE=always, and none where it is never", async () => {
    for (const [setting, asks] of [
      ["always", true],
      ["never", false],
    ] as const) {
      const web = await house.program.startWeb(undefined, { MATCH_CODE: setting });
      const person = await house.enrolled();
      const wire = openWire(web.site);
      if (asks) for (const [name, value] of person.wire.cookies) wire.cookies.set(name, value);
      await wire.post("/logout");
      await house.login(wire, person);
      const { uuid, details } = await house.ring(person.authyId);
      assert.equal(details["Code"] !== undefined, asks, setting);
      await house.callback(uuid, person.authyId, "approved");
      await finish(wire);
      assert.equal(await isSignedIn(wire), !asks);
      await web.stop();
    }
  });

  it("P9 sends plain text: capped, parsed, without control or bidirectional characters", async () => {
    const person = await house.enrolled();
    const wire = house.wire({
      userAgent: `\u202eMozilla/5.0 <b>"(X11; Linux x86_64) Firefox/140.0 ${"x".repeat(600)}`.replace("\u202e", ""),
    });
    await house.login(wire, person);
    const { message, details } = await house.ring(person.authyId);
    assert.equal(message, "Sign in to Countersign test?");
    assert.deepEqual(Object.keys(details), ["Account", "From", "Browser", "Time", "Code"]);
    assert.equal(details["Browser"], "Firefox on Linux");
    assert.equal(plainText("a\u0000b\u202ec\u2066d\ne\u200bf"), "a b c d e f");
    const attempt = { purpose: "sign-in", address: "x".repeat(500), browserLabel: "\u202eevil" } as const;
    const push = pushText(pushWords(loadText("en")), attempt, "ada", "App\u202e".repeat(90), new Date(0), null);
    for (const text of [push.message, ...Object.values(push.details)]) {
      assert.equal(text.length <= 144, true);
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
    }
  });

  it("P12 makes a cancelled request worthless", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const { uuid, details } = await house.ring(person.authyId);
    const copy = house.wire();
    for (const [name, value] of wire.cookies) copy.cookies.set(name, value);
    await wire.post("/login/approval/cancel");
    await house.callback(uuid, person.authyId, "approved");
    for (const browser of [wire, copy]) {
      await finish(browser, details["Code"]);
      assert.equal(await isSignedIn(browser), false);
    }
  });

  it("P12 T3 lets a cancellation win over an approval that was not used yet", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const { uuid, details } = await house.ring(person.authyId);
    await house.callback(uuid, person.authyId, "approved");
    const copy = house.wire();
    for (const [name, value] of wire.cookies) copy.cookies.set(name, value);
    await wire.post("/login/approval/cancel");
    await finish(copy, details["Code"]);
    assert.equal(await isSignedIn(copy), false);
  });

  it("T2 lets an approval lapse that is not used in time", async () => {
    const person = await house.enrolled();
    const wire = house.wire();
    await house.login(wire, person);
    const { uuid, details } = await house.ring(person.authyId);
    await house.callback(uuid, person.authyId, "approved");
    house.rows.run(`UPDATE challenges SET ${setBack(300, "settled_at")} WHERE authy_uuid = ?`, uuid);
    await finish(wire, details["Code"]);
    assert.equal(await isSignedIn(wire), false);
  });

  it("E1 T5 lets no other session watch or finish, and the owner still can", async () => {
    const person = await house.enrolled();
    const [owner, thief] = [house.wire(), house.wire()];
    await house.login(owner, person);
    const { uuid, details } = await house.ring(person.authyId);
    const id = /data-challenge-id="([^"]+)"/.exec((await owner.get("/login/approval")).body)?.[1] ?? "";
    await house.phone.answer(uuid, "approve");
    await house.settled(uuid);
    await finish(thief, details["Code"]);
    assert.equal(await isSignedIn(thief), false);
    for (const path of [`/challenges/${id}`, `/challenges/${id}/events`])
      assert.equal((await thief.get(path)).status, 404);
    await finish(owner, details["Code"]);
    assert.equal(await isSignedIn(owner), true);
  });

  it("P7 spends a step-up once, for the act that it names and for no other", async () => {
    const person = await house.enrolled();
    // Right after a phone was added, its first codes need no approval of their own.
    house.rows.run(
      "UPDATE factors SET created_at = '2020-01-01 00:00:00.000' WHERE authy_id = ?",
      String(person.authyId),
    );
    await house.stepUp(person.wire, person, "change-password");
    assert.equal((await person.wire.post("/account/two-factor/disable")).location, "/account/two-factor/disable");
    await person.wire.post("/account/recovery-codes");
    assert.equal(
      house.rows.count("SELECT count(*) FROM recovery_codes WHERE subscriber_id = ?", house.subscriberId(person)),
      0,
    );
    const rings = await house.phone.rings(person.authyId);
    assert.equal(rings[0]?.details["Action"], "Change the password");
    await house.stepUp(person.wire, person, "new-recovery-codes");
    await Promise.all(Array.from({ length: 5 }, () => person.wire.post("/account/recovery-codes")));
    const made = house.rows.count(
      "SELECT count(*) FROM audit_events WHERE kind = 'recovery-codes-made' AND subscriber_id = ?",
      house.subscriberId(person),
    );
    assert.equal(made, 1);
  });
});
