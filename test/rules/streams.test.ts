import assert from "node:assert/strict";
import { type IncomingHttpHeaders, request } from "node:http";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";

import { type Browser, openBrowser } from "../kit/browser.js";
import { enrol, isSignedIn, type Person, register, sendCallback, type Waiting, waitingIn } from "../kit/people.js";
import { startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";

const program = await startProgram({ after }, { workers: 0, env: { STREAM_REREAD_MS: "500" } });

/** An event stream as its bytes come. */
interface Stream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Everything so far. */
  readonly text: string;
  readonly hasEnded: boolean;
  close(): void;
}

describe("event streams of the whole program", () => {
  function open(browser: Browser, path: string): Promise<Stream> {
    const { hostname, port } = new URL(browser.origin);
    const cookie = Array.from(browser.cookies, ([name, value]) => `${name}=${value}`).join("; ");
    const headers = { host: `${hostname}:${port}`, accept: "text/event-stream", cookie };
    return new Promise((resolve, reject) => {
      const outgoing = request({ hostname: "127.0.0.1", port, path, agent: false, headers }, (incoming) => {
        let text = "";
        let hasEnded = false;
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => (text += chunk));
        incoming.on("error", () => undefined);
        incoming.on("close", () => (hasEnded = true));
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          get text() {
            return text;
          },
          get hasEnded() {
            return hasEnded;
          },
          close: () => outgoing.destroy(),
        });
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
  }

  /** The events so far, each with all its fields. */
  const eventsIn = ({ text }: Stream): Record<string, string>[] =>
    text
      .split("\n\n")
      .slice(0, -1)
      .filter((block) => /^event:/m.test(block))
      .map((block) =>
        Object.fromEntries(
          block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
        ),
      );

  /** A sign-in that waits for its phone, in the person's own browser. */
  async function waitingSignIn(): Promise<Waiting & Pick<Person, "browser"> & { person: Person }> {
    const person = await enrol(program);
    const { browser } = person;
    await browser.post("/logout");
    await person.login(browser);
    return { person, browser, ...waitingIn((await browser.get("/login/approval")).body) };
  }

  /** An enrolment that waits for its scan. */
  async function waitingEnrolment(): Promise<Waiting & Pick<Person, "browser"> & { person: Person }> {
    const person = await register(program);
    await person.browser.post("/account/two-factor/registration");
    const { body } = await person.browser.get("/account/two-factor/registration");
    return { person, browser: person.browser, ...waitingIn(body) };
  }

  it("E3 tells id, kind, status and expiry, and nothing else", async () => {
    const signIn = await waitingSignIn();
    const enrolment = await waitingEnrolment();
    const { uuid } = await signIn.person.request();
    for (const [{ browser, id, events: path }, kind, end, final] of [
      [signIn, "approval", () => program.phone.answer(uuid, "deny"), "denied"],
      [enrolment, "registration", () => enrolment.browser.post("/account/two-factor/registration/cancel"), "cancelled"],
    ] as const) {
      const stream = await open(browser, path);
      await until(() => eventsIn(stream).length === 1, "no first event came");
      await end();
      await until(() => stream.hasEnded, "the stream did not end");
      const told = eventsIn(stream);
      assert.equal(told.length, 2);
      for (const event of told) {
        assert.deepEqual(Object.keys(event), ["event", "id", "data"]);
        assert.equal(event["event"], "status");
        assert.match(event["id"] ?? "", /^\d+$/);
      }
      const bodies = told.map(({ data }) => JSON.parse(data ?? "") as Record<string, string>);
      for (const body of bodies) {
        assert.deepEqual(Object.keys(body), ["id", "kind", "status", "expiresAt"]);
        assert.match(body["expiresAt"] ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      }
      assert.deepEqual(
        bodies.map(({ id: of, kind: what, status }) => [of, what, status]),
        [
          [id, kind, "pending"],
          [id, kind, final],
        ],
      );
    }
  });

  it("E9 forbids whatever stands between to keep, change or hold back a stream", async () => {
    const { browser, events } = await waitingSignIn();
    const stream = await open(browser, events);
    assert.equal(stream.status, 200);
    assert.match(String(stream.headers["content-type"]), /^text\/event-stream/);
    assert.equal(stream.headers["cache-control"], "no-store, no-transform");
    assert.equal(stream.headers["x-accel-buffering"], "no");
    stream.close();
  });

  it("K18 answers HEAD at once with the stream's headers, and counts no stream", async () => {
    const { browser, events } = await waitingSignIn();
    for (let times = 0; times < 8; times += 1) {
      const { status, headers, body } = await browser.send("HEAD", events);
      assert.deepEqual([status, headers["content-type"], body], [200, "text/event-stream; charset=utf-8", ""]);
    }
    const streams = await Promise.all([open(browser, events), open(browser, events), open(browser, events)]);
    assert.deepEqual(
      streams.map(({ status }) => status),
      [200, 200, 200],
    );
    for (const stream of streams) stream.close();
    assert.equal((await program.openBrowser().send("HEAD", events)).status, 404);
  });

  it("E12 gives a stream that is opened after the end the final state, once, and then the end", async () => {
    const signIn = await waitingSignIn();
    const { uuid } = await signIn.person.request();
    await sendCallback(program, uuid, signIn.person.authyId, "approved");
    const enrolment = await waitingEnrolment();
    await enrolment.browser.post("/account/two-factor/registration/cancel");
    for (const [{ browser, events }, final] of [
      [signIn, "approved"],
      [enrolment, "cancelled"],
    ] as const)
      for (let times = 0; times < 2; times += 1) {
        const stream = await open(browser, events);
        assert.equal(stream.status, 200);
        await until(() => stream.hasEnded, `a stream of what is ${final} never ended`);
        const statuses = eventsIn(stream).map(({ data }) => (JSON.parse(data ?? "") as { status: string }).status);
        assert.deepEqual(statuses, [final]);
      }
  });

  it("E14 refuses polls that come faster than one a second with 429 and Retry-After, and takes them again after it", async () => {
    const { browser, id } = await waitingSignIn();
    const other = await waitingSignIn();
    const poll = (at: Browser, of: string) => at.get(`/challenges/${of}`, { accept: "application/json" });
    const startedAt = performance.now();
    const answers = await Promise.all(Array.from({ length: 30 }, () => poll(browser, id)));
    const most = 5 + 5 * Math.ceil((performance.now() - startedAt) / 5000);
    const refused = answers.filter(({ status }) => status === 429);
    const taken = answers.filter(({ status }) => status === 200);
    assert.equal(taken.length + refused.length, answers.length);
    assert.equal(
      taken.length > 0 && taken.length <= most,
      true,
      `${taken.length} of 30 polls, ${most} at most, were answered`,
    );
    for (const { headers } of refused) assert.match(String(headers["retry-after"]), /^[1-5]$/);
    assert.equal((await poll(other.browser, other.id)).status, 200, "another browser may ask");
    const [first] = refused;
    await delay(1000 * Number(first?.headers["retry-after"]));
    assert.equal((await poll(browser, id)).status, 200);
  });

  it("E6 believes a forged message no longer than until the row is read, and opens nothing by it", async () => {
    const redis = new Redis(program.redis.url);
    try {
      const { browser, id, events } = await waitingSignIn();
      const stream = await open(browser, events);
      await until(() => eventsIn(stream).length > 0, "no first event came");
      const forged = { kind: "approval", status: "approved", version: 2, expiresAt: new Date().toISOString() };
      await redis.publish(`challenge:${id}`, JSON.stringify(forged));
      await until(() => stream.hasEnded, "the forged end was not told");
      assert.equal((await browser.post("/login/approval/finish")).location, "/login/approval?still=pending");
      assert.equal(await isSignedIn(browser), false);
      const next = await open(browser, events);
      await until(() => eventsIn(next).length > 0, "no first event came");
      assert.match(next.text, /"pending"/);
      next.close();
    } finally {
      redis.disconnect();
    }
  });

  it("E15 listens to Redis on one connection for each process, however many streams are open", async () => {
    const redis = new Redis(program.redis.url);
    const subscribers = async (): Promise<number> =>
      String(await redis.call("CLIENT", "LIST", "TYPE", "pubsub")).match(/^id=/gm)?.length ?? 0;
    try {
      const second = await program.startWeb();
      const streams: Stream[] = [];
      const ids: string[] = [];
      for (const site of [program.web.site, second.site])
        for (let times = 0; times < 4; times += 1) {
          const { browser, id, events } = await waitingSignIn();
          ids.push(`challenge:${id}`);
          streams.push(await open(openBrowser(site, { cookies: browser.cookies }), events));
        }
      const listened = async (): Promise<boolean> => {
        const channels = (await redis.pubsub("CHANNELS", "challenge:*")) as string[];
        return ids.every((each) => channels.includes(each));
      };
      await until(listened, "not all streams are listened for");
      assert.equal(await subscribers(), 2, "one for each web process");
      for (const stream of streams) stream.close();
      await second.stop();
    } finally {
      redis.disconnect();
    }
  });
});
