import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import jwt from "jsonwebtoken";

import type { Browser } from "../kit/browser.js";
import { enrol, isSignedIn, type Person, register } from "../kit/people.js";
import { startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";

const program = await startProgram({ after }, { env: { POLL_REGISTRATION_MS: "200", POLL_MAX_MS: "400" } });
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
  async function qrUrl(browser: Browser): Promise<string> {
    const { body } = await browser.get(PAGE);
    return (/href="(authy:[^"]+)"/.exec(body)?.[1] ?? "").replaceAll("&amp;", "&");
  }
  async function start(browser: Browser): Promise<string> {
    await browser.post(PAGE);
    return qrUrl(browser);
  }
  const stateOf = (person: Person): string =>
    String(
      program.rows.one(
        "SELECT state FROM enrolments WHERE subscriber_id = ? ORDER BY created_at DESC, rowid DESC LIMIT 1",
        person.id,
      )?.["state"],
    );
  const becomes = (person: Person, state: string): Promise<unknown> =>
    until(() => stateOf(person) === state, `the enrolment never became ${state}`);

  /** The enrolment that a delivery of the sandbox tells of. */
  function enrolmentIn({ request }: Delivery): string | undefined {
    const { body: token } = JSON.parse(request.body) as { body: string };
    const { params } = jwt.decode(token) as { params: { events: { objects: Told }[] } };
    return params.events[0]?.objects.registration.s_custom_id;
  }
  /** Scans a code that shall bind nobody, and waits until the webhook about it was answered: then nothing more comes. */
  async function scanInVain(url: string): Promise<void> {
    const { context } = jwt.decode(url.slice(url.indexOf("=") + 1)) as { context: { custom_user_id: string } };
    await program.phone.scan(url);
    await until(async () => {
      const answer = await fetch(`${program.phone.url}/deliveries`);
      const { deliveries } = (await answer.json()) as { deliveries: Delivery[] };
      return deliveries.some((each) => each.state === "delivered" && enrolmentIn(each) === context.custom_user_id);
    }, "the webhook about the scan was never answered");
  }
  /** Waits until the poller has asked Authy about an enrolment, from now on. */
  async function isPolled(person: Person): Promise<void> {
    const nextPoll = () =>
      program.rows.one("SELECT next_poll_at FROM enrolments WHERE subscriber_id = ?", person.id)?.["next_poll_at"];
    // The poll that is over first may have begun before now.
    for (let polls = 0; polls < 2; polls += 1) {
      const planned = nextPoll();
      await until(() => nextPoll() !== planned, "nobody asks Authy about the enrolment");
    }
  }
  const phones = (person: Person): number =>
    program.rows.count("SELECT count(*) FROM factors WHERE state = 'active' AND subscriber_id = ?", person.id);

  it("R2 signs the QR token with HS256 over whole seconds that end with the enrolment", async () => {
    const person = await register(program);
    const token = new URL(await start(person.browser)).searchParams.get("token") ?? "";
    const key = program.env["AUTHY_PRODUCTION_API_KEY"] ?? "";
    const claims = jwt.verify(token, key, { algorithms: ["HS256"] }) as { iat: number; exp: number; context: object };
    assert.equal(Number.isInteger(claims.iat) && Number.isInteger(claims.exp), true);
    assert.equal(claims.exp - claims.iat, 300);
    const row = program.rows.one("SELECT id, expires_at FROM enrolments WHERE subscriber_id = ?", person.id);
    assert.equal(new Date(`${String(row?.["expires_at"])}Z`).getTime(), claims.exp * 1000);
    assert.deepEqual(claims.context, { custom_user_id: row?.["id"], authy_app_id: "359137" });
  });

  it("R3 never caches nor logs the QR code, and shows it to its own session alone", async () => {
    const [person, other] = [await register(program), await register(program)];
    const url = await start(person.browser);
    const picture = await person.browser.get(`${PAGE}/qrcode.svg`);
    assert.match(String(picture.headers["content-type"]), /^image\/svg\+xml/);
    assert.equal(picture.headers["cache-control"], "no-store");
    assert.match(String((await person.browser.get(PAGE)).headers["cache-control"]), /no-store/);
    assert.equal((await other.browser.get(`${PAGE}/qrcode.svg`)).status, 404);
    const token = url.slice(url.indexOf("=") + 1);
    const logged = JSON.stringify([program.web.lines, program.workers.map(({ lines }) => lines)]);
    assert.equal(logged.includes(token.slice(-40)), false);
  });

  it("R4 gives each attempt a fresh random id, and ends the one before", async () => {
    const person = await register(program);
    const first = await start(person.browser);
    const second = await start(person.browser);
    assert.notEqual(first, second);
    const ids = program.rows.all("SELECT id, state FROM enrolments WHERE subscriber_id = ?", person.id);
    assert.deepEqual(ids.map(({ state }) => state).sort(), ["cancelled", "pending"]);
    for (const { id } of ids) assert.match(String(id), /^[\w-]{24}$/);
    await scanInVain(first);
    assert.equal(phones(person), 0, "the former code binds nobody");
    await Promise.all(Array.from({ length: 10 }, () => person.browser.post(PAGE)));
    const pending = "SELECT count(*) FROM enrolments WHERE state = 'pending' AND subscriber_id = ?";
    assert.equal(program.rows.count(pending, person.id), 1);
  });

  it("R5 gives a phone to the first of two accounts, and the other one a clean 409", async () => {
    const [one, other] = [await register(program), await register(program)];
    const authyId = await program.phone.scan(await start(one.browser));
    await becomes(one, "completed");
    assert.equal(phones(one), 1);
    await start(other.browser);
    const pending = program.rows.one(
      "SELECT id FROM enrolments WHERE state = 'pending' AND subscriber_id = ?",
      other.id,
    );
    assert.equal(await program.phone.scan(await qrUrl(other.browser), authyId), authyId, "the same phone scans again");
    await becomes(other, "conflict");
    const page = await other.browser.get(PAGE);
    assert.equal(page.status, 409);
    assert.deepEqual([phones(one), phones(other)], [1, 0]);
    const status = await other.browser.get(`/challenges/${String(pending?.["id"])}`, { accept: "application/json" });
    assert.equal((JSON.parse(status.body) as { status: string }).status, "failed");
  });

  it("R6 binds no phone after its session has ended, or after the password has changed", async () => {
    const person = await register(program);
    const url = await start(person.browser);
    await person.browser.post("/logout");
    await program.phone.scan(url);
    await becomes(person, "cancelled");
    assert.equal(phones(person), 0);
    const other = await register(program);
    const second = await start(other.browser);
    const form = { current_password: other.password, password: "amber window river nine" };
    await other.browser.post("/account/password", form);
    await program.phone.scan(second);
    await becomes(other, "cancelled");
    assert.equal(phones(other), 0);
  });

  it("X4 changes nothing by showing that a phone was added; the browser that added it is known all the same", async () => {
    const person = await register(program);
    const authyId = await program.phone.scan(await start(person.browser));
    await becomes(person, "completed");
    const snapshot = (): string => JSON.stringify(program.rows.all("SELECT * FROM browsers ORDER BY id"));
    const before = snapshot();
    const page = await person.browser.get(PAGE);
    assert.match(page.body, /data-state="completed"/);
    assert.equal(snapshot(), before);
    await person.browser.post("/logout");
    await person.login();
    assert.equal((await program.phone.openRequest(authyId)).details["Code"], undefined);
  });

  it("R8 fails cleanly on odd answers of Authy", async () => {
    const person = await register(program);
    await start(person.browser);
    for (const status of [500, 404, 401, 429]) {
      await program.phone.faults({ route: "registrations-status", status, retry_after: 1 });
      await isPolled(person);
      assert.equal((await person.browser.get(PAGE)).status, 200);
      assert.equal(stateOf(person), "pending", `after ${status}`);
      assert.equal(phones(person), 0);
    }
    await program.phone.faults();
    await program.phone.scan(await qrUrl(person.browser));
    await becomes(person, "completed");
  });

  it("R10 removes a phone here at once while Authy is away, and tells Authy later", async () => {
    const person = await enrol(program);
    await person.stepUp("disable-two-factor");
    await program.phone.faults({ status: 503, error_rate: 1 });
    assert.equal((await person.browser.post("/account/two-factor/disable")).location, "/account/two-factor");
    assert.equal(phones(person), 0);
    const told = "SELECT count(*) FROM factors WHERE subscriber_id = ? AND removed_upstream_at IS NOT NULL";
    assert.equal(program.rows.count(told, person.id), 0);
    const browser = program.openBrowser();
    await person.login(browser);
    assert.equal(await isSignedIn(browser), true, "the password alone signs in now");
    await program.phone.faults();
    await until(() => program.rows.count(told, person.id) === 1, "Authy was never told");
  });

  it("R1 replaces a phone after an approval on the present one only", async () => {
    const person = await enrol(program);
    assert.equal((await person.browser.post(PAGE)).location, "/account/two-factor");
    await person.stepUp("replace-phone");
    assert.equal((await person.browser.post(PAGE)).location, PAGE);
    const first = await qrUrl(person.browser);
    assert.equal((await person.browser.post(PAGE)).location, PAGE, "a new code for the same replacement");
    assert.notEqual(await qrUrl(person.browser), first);
    await program.phone.scan(await qrUrl(person.browser));
    await becomes(person, "completed");
    assert.equal(phones(person), 1);
    assert.equal((await person.browser.post(PAGE)).location, "/account/two-factor", "and once");
  });
});
