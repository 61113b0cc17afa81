import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import jwt from "jsonwebtoken";

import { type Wire } from "../trials/attack/wire.js";
import { isSignedIn, openHouse, type Person, until } from "./house.js";

const house = await openHouse({ after }, { POLL_REGISTRATION_MS: "200", POLL_MAX_MS: "400" }, 1);
const PAGE = "/account/two-factor/registration";

/** What the sandbox remembers of a webhook that it sent. */
interface Delivery {
  readonly state: string;
  readonly request: { readonly body: string };
}

/** What a webhook says of a registration. */
interface Told {
  readonly registration: { readonly s_custom_id: string };
}

describe("enrolment and removal", () => {
  async function qrUrl(wire: Wire): Promise<string> {
    const { body } = await wire.get(PAGE);
    return (/href="(authy:[^"]+)"/.exec(body)?.[1] ?? "").replaceAll("&amp;", "&");
  }
  async function start(wire: Wire): Promise<string> {
    await wire.post(PAGE);
    return qrUrl(wire);
  }
  const stateOf = (person: Person): string =>
    String(
      house.rows.one(
        "SELECT state FROM enrolments WHERE subscriber_id = ? ORDER BY created_at DESC, rowid DESC LIMIT 1",
        house.subscriberId(person),
      )?.["state"],
    );
  const becomes = (person: Person, state: string): Promise<void> =>
    until(() => stateOf(person) === state, `the enrolment never became ${state}`);
  const setFaults = (faults: object): Promise<Response> =>
    fetch(`${house.program.phone}/faults`, {
      method: "PUT",
      body: JSON.stringify(faults),
      headers: { "content-type": "application/json" },
    });
  const clearFaults = (): Promise<Response> => fetch(`${house.program.phone}/faults`, { method: "DELETE" });

  /** The enrolment that a delivery of the sandbox tells of. */
  function enrolmentIn({ request }: Delivery): string | undefined {
    const { body: token } = JSON.parse(request.body) as { body: string };
    const { params } = jwt.decode(token) as { params: { events: { objects: Told }[] } };
    return params.events[0]?.objects.registration.s_custom_id;
  }
  /** Scans a code that shall bind nobody, and waits until the webhook about it was answered: then nothing more comes. */
  async function scanInVain(url: string): Promise<void> {
    const { context } = jwt.decode(url.slice(url.indexOf("=") + 1)) as { context: { custom_user_id: string } };
    await house.phone.scan(url);
    await until(async () => {
      const answer = await fetch(`${house.program.phone}/deliveries`);
      const { deliveries } = (await answer.json()) as { deliveries: Delivery[] };
      return deliveries.some((each) => each.state === "delivered" && enrolmentIn(each) === context.custom_user_id);
    }, "the webhook about the scan was never answered");
  }
  /** Waits until the poller has asked Authy about an enrolment, from now on. */
  async function isPolled(person: Person): Promise<void> {
    const nextPoll = () =>
      house.rows.one("SELECT next_poll_at FROM enrolments WHERE subscriber_id = ?", house.subscriberId(person))?.[
        "next_poll_at"
      ];
    // The poll that is over first may have begun before now.
    for (let polls = 0; polls < 2; polls += 1) {
      const planned = nextPoll();
      await until(() => nextPoll() !== planned, "nobody asks Authy about the enrolment");
    }
  }
  const phones = (person: Person): number =>
    house.rows.count(
      "SELECT count(*) FROM factors WHERE state = 'active' AND subscriber_id = ?",
      house.subscriberId(person),
    );

  it("R2 signs the QR token with HS256 over whole seconds that end with the enrolment", async () => {
    const person = await house.register();
    const token = new URL(await start(person.wire)).searchParams.get("token") ?? "";
    const key = house.program.env["AUTHY_PRODUCTION_API_KEY"] ?? "";
    const claims = jwt.verify(token, key, { algorithms: ["HS256"] }) as { iat: number; exp: number; context: object };
    assert.equal(Number.isInteger(claims.iat) && Number.isInteger(claims.exp), true);
    assert.equal(claims.exp - claims.iat, 300);
    const row = house.rows.one(
      "SELECT id, expires_at FROM enrolments WHERE subscriber_id = ?",
      house.subscriberId(person),
    );
    assert.equal(new Date(`${String(row?.["expires_at"])}Z`).getTime(), claims.exp * 1000);
    assert.deepEqual(claims.context, { custom_user_id: row?.["id"], authy_app_id: "359137" });
  });

  it("R3 never caches nor logs the QR code, and shows it to its own session alone", async () => {
    const [person, other] = [await house.register(), await house.register()];
    const url = await start(person.wire);
    const picture = await person.wire.get(`${PAGE}/qrcode.svg`);
    assert.match(String(picture.headers["content-type"]), /^image\/svg\+xml/);
    assert.equal(picture.headers["cache-control"], "no-store");
    assert.match(String((await person.wire.get(PAGE)).headers["cache-control"]), /no-store/);
    assert.equal((await other.wire.get(`${PAGE}/qrcode.svg`)).status, 404);
    const token = url.slice(url.indexOf("=") + 1);
    const logged = JSON.stringify([house.program.web.lines, house.program.workers.map(({ lines }) => lines)]);
    assert.equal(logged.includes(token.slice(-40)), false);
  });

  it("R4 gives each attempt a fresh random id, and ends the one before", async () => {
    const person = await house.register();
    const first = await start(person.wire);
    const second = await start(person.wire);
    assert.notEqual(first, second);
    const ids = house.rows.all("SELECT id, state FROM enrolments WHERE subscriber_id = ?", house.subscriberId(person));
    assert.deepEqual(ids.map(({ state }) => state).sort(), ["cancelled", "pending"]);
    for (const { id } of ids) assert.match(String(id), /^[\w-]{24}$/);
    await scanInVain(first);
    assert.equal(phones(person), 0, "the former code binds nobody");
    await Promise.all(Array.from({ length: 10 }, () => person.wire.post(PAGE)));
    const pending = "SELECT count(*) FROM enrolments WHERE state = 'pending' AND subscriber_id = ?";
    assert.equal(house.rows.count(pending, house.subscriberId(person)), 1);
  });

  it("R5 gives a phone to the first of two accounts, and the other one a clean 409", async () => {
    const [one, other] = [await house.register(), await house.register()];
    const authyId = await house.phone.scan(await start(one.wire));
    await becomes(one, "completed");
    assert.equal(phones(one), 1);
    await start(other.wire);
    const pending = house.rows.one(
      "SELECT id FROM enrolments WHERE state = 'pending' AND subscriber_id = ?",
      house.subscriberId(other),
    );
    const scanned = await fetch(`${house.program.phone}/phone/scan`, {
      method: "POST",
      body: JSON.stringify({ url: await qrUrl(other.wire), phone: String(authyId) }),
      headers: { "content-type": "application/json" },
    });
    assert.equal(((await scanned.json()) as { authy_id: number }).authy_id, authyId, "the same phone scans again");
    await becomes(other, "conflict");
    const page = await other.wire.get(PAGE);
    assert.equal(page.status, 409);
    assert.deepEqual([phones(one), phones(other)], [1, 0]);
    const status = await other.wire.get(`/challenges/${String(pending?.["id"])}`, { accept: "application/json" });
    assert.equal((JSON.parse(status.body) as { status: string }).status, "failed");
  });

  it("R6 binds no phone after its session has ended, or after the password has changed", async () => {
    const person = await house.register();
    const url = await start(person.wire);
    await person.wire.post("/logout");
    await house.phone.scan(url);
    await becomes(person, "cancelled");
    assert.equal(phones(person), 0);
    const other = await house.register();
    const second = await start(other.wire);
    const form = { current_password: other.password, password: "amber window river nine" };
    await other.wire.post("/account/password", form);
    await house.phone.scan(second);
    await becomes(other, "cancelled");
    assert.equal(phones(other), 0);
  });

  it("X4 changes nothing by showing that a phone was added; the browser that added it is known all the same", async () => {
    const person = await house.register();
    person.authyId = await house.phone.scan(await start(person.wire));
    await becomes(person, "completed");
    const snapshot = (): string => JSON.stringify(house.rows.all("SELECT * FROM browsers ORDER BY id"));
    const before = snapshot();
    const page = await person.wire.get(PAGE);
    assert.match(page.body, /data-state="completed"/);
    assert.equal(snapshot(), before);
    await person.wire.post("/logout");
    await house.login(person.wire, person);
    assert.equal((await house.ring(person.authyId)).details["Code"], undefined);
  });

  it("R8 fails cleanly on odd answers of Authy", async () => {
    const person = await house.register();
    await start(person.wire);
    for (const status of [500, 404, 401, 429]) {
      await setFaults({ route: "registrations-status", status, retry_after: 1 });
      await isPolled(person);
      assert.equal((await person.wire.get(PAGE)).status, 200);
      assert.equal(stateOf(person), "pending", `after ${status}`);
      assert.equal(phones(person), 0);
    }
    await clearFaults();
    await house.phone.scan(await qrUrl(person.wire));
    await becomes(person, "completed");
  });

  it("R10 removes a phone here at once while Authy is away, and tells Authy later", async () => {
    const person = await house.enrolled();
    await house.stepUp(person.wire, person, "disable-two-factor");
    await setFaults({ status: 503, error_rate: 1 });
    assert.equal((await person.wire.post("/account/two-factor/disable")).location, "/account/two-factor");
    assert.equal(phones(person), 0);
    const told = "SELECT count(*) FROM factors WHERE subscriber_id = ? AND removed_upstream_at IS NOT NULL";
    assert.equal(house.rows.count(told, house.subscriberId(person)), 0);
    const wire = house.wire();
    await house.login(wire, person);
    assert.equal(await isSignedIn(wire), true, "the password alone signs in now");
    await clearFaults();
    await until(() => house.rows.count(told, house.subscriberId(person)) === 1, "Authy was never told");
  });

  it("R1 replaces a phone after an approval on the present one only", async () => {
    const person = await house.enrolled();
    assert.equal((await person.wire.post(PAGE)).location, "/account/two-factor");
    await house.stepUp(person.wire, person, "replace-phone");
    assert.equal((await person.wire.post(PAGE)).location, PAGE);
    const first = await qrUrl(person.wire);
    assert.equal((await person.wire.post(PAGE)).location, PAGE, "a new code for the same replacement");
    assert.notEqual(await qrUrl(person.wire), first);
    await house.phone.scan(await qrUrl(person.wire));
    await becomes(person, "completed");
    assert.equal(phones(person), 1);
    assert.equal((await person.wire.post(PAGE)).location, "/account/two-factor", "and once");
  });
});
