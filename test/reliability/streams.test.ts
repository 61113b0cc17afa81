import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import type { LiveStatus, WatchedKind } from "../../src/domain/watched.js";
import { type StreamOwner, streamHub, type StreamLimits } from "../../src/http/stream-hub.js";
import { openBrowser } from "../kit/browser.js";
import { until } from "../kit/until.js";

const NO_LIMITS: StreamLimits = { streamsPerSession: 0, streamsPerUser: 0, streamsPerAddress: 0, streams: 0 };
const TIMES = { rereadMs: 100, heartbeatMs: 15_000, overdueMs: 5000 };

interface Notifier {
  change: (id: string) => void;
  settle: (status: LiveStatus) => void;
  sessions: () => void;
  reconnect: () => void;
}

/** A hub behind a real server; a stream's path: its session, its user, its challenge and, where it matters, its address. */
async function openHub(t: TestContext, limits: Partial<StreamLimits> = {}, times: Partial<typeof TIMES> = {}) {
  const rows = new Map<string, LiveStatus>();
  const dead = new Set<string>();
  const notifier: Partial<Notifier> = {};
  let reading: (() => Promise<void>) | undefined;
  let isAway = false;
  let missed = 0;
  let seen = 0;
  const asked: string[] = [];
  const read = async (kind: WatchedKind, ids: readonly string[]): Promise<LiveStatus[]> => {
    if (isAway) {
      missed += 1;
      throw new Error("the database is away");
    }
    asked.push(...ids.map((id) => `${kind} ${id}`));
    const found = ids.flatMap((id) => rows.get(id) ?? []);
    await reading?.();
    return found;
  };
  const hub = streamHub(
    {
      notifications: {
        watch: () => Promise.resolve(),
        unwatch: () => undefined,
        listen({ onStatus, onChange, onSessionsEnded, onReconnect }) {
          Object.assign(notifier, {
            change: onChange,
            settle: onStatus,
            sessions: onSessionsEnded,
            reconnect: onReconnect,
          });
        },
        close: () => undefined,
      },
      now: () => new Date(),
      readStatuses: read,
      readChanged: async (kind, ids) =>
        (await read(kind, ids)).filter(({ version, expiresAt }) => version > 1 || expiresAt <= new Date()),
      livingSessions: (ids) => Promise.resolve(ids.filter((id) => !dead.has(id))),
      onOverdue: () => undefined,
    },
    { ...NO_LIMITS, ...limits },
    { ...TIMES, ...times },
  );
  const server = createServer((req, res) => {
    seen += 1;
    const [, sessionKey = "", subscriberId = "", id = "", address = "1"] = (req.url ?? "").split("/");
    const kind = rows.get(id)?.kind ?? "approval";
    const owner: StreamOwner = { sessionKey, subscriberId, address, sessionId: sessionKey };
    hub.open(res, { id, kind }, owner).catch(() => res.writeHead(429).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = openBrowser(origin);
  const set = (id: string, status: LiveStatus["status"], version: number, kind: WatchedKind = "approval"): void => {
    rows.set(id, { id, kind, status, version, expiresAt: new Date(Date.now() + 60_000) });
  };
  return {
    hub,
    set,
    dead,
    notifier: notifier as Notifier,
    origin,
    browser,
    /** How many requests have arrived. */
    seen: () => seen,
    /** Which rows were read, each with its kind. */
    asked,
    /** How often the rows were asked for in vain. */
    missed: () => missed,
    away: (now: boolean) => (isAway = now),
    readSlowly: (how: (() => Promise<void>) | undefined) => (reading = how),
  };
}

describe("event streams", () => {
  it("E4, E5: an answer that lands while the row is first read is told, once, after a whole head", async (t) => {
    const { browser, set, notifier, readSlowly } = await openHub(t, {}, { rereadMs: 60_000 });
    for (let round = 0; round < 20; round++) {
      const id = `c${round}`;
      set(id, "pending", 1);
      readSlowly(async () => {
        readSlowly(undefined);
        set(id, "approved", 2); // between the first reading and its writing
        notifier.change(id);
        await wait(round % 5);
      });
      const told: string[] = [];
      const ended = await browser.watch(`/s/u/${id}`, (status) => told.push(status)).end;
      assert.deepEqual(ended, { final: "approved" });
      assert.equal(told.filter((status) => status === "approved").length, 1);
    }
  });

  it("E6: a lost notification costs no more than one round of reading", async (t) => {
    const { browser, set } = await openHub(t);
    set("c1", "pending", 1);
    const told: string[] = [];
    const stream = browser.watch("/s/u/c1", (status) => told.push(status)).end;
    await until(() => told.length > 0, "no first event came", 10_000);
    set("c1", "denied", 2);
    assert.deepEqual(await stream, { final: "denied" });
  });

  it("E6: an end that is told is passed on without a look at the row, once, whoever tells it again", async (t) => {
    const { hub, browser, set, notifier, asked } = await openHub(t, {}, { rereadMs: 60_000 });
    set("c1", "pending", 1);
    const told: string[] = [];
    const stream = browser.watch("/s/u/c1", (status) => told.push(status)).end;
    await until(() => told.length > 0, "no first event came", 10_000);
    const expiresAt = new Date();
    const end = { id: "c1", kind: "approval", status: "denied", version: 2, expiresAt } as const;
    hub.tell(end);
    notifier.settle(end);
    notifier.change("c1");
    assert.deepEqual(await stream, { final: "denied" });
    assert.deepEqual([told, asked], [["pending", "denied"], ["approval c1"]]);
  });

  it("E6: whatever else is told only makes it read the row, and hides nothing that comes later", async (t) => {
    const { browser, set, notifier, asked } = await openHub(t, {}, { rereadMs: 60_000 });
    set("c1", "pending", 1);
    const told: string[] = [];
    const stream = browser.watch("/s/u/c1", (status) => told.push(status)).end;
    await until(() => told.length > 0, "no first event came", 10_000);
    const forged = { id: "c1", kind: "approval", status: "pending", version: 1e15, expiresAt: new Date(0) } as const;
    notifier.settle(forged);
    notifier.settle({ ...forged, kind: "registration", status: "completed" });
    notifier.settle({ ...forged, id: "nobody waits for this", status: "approved" });
    await until(() => asked.length === 3, "the row was not read", 10_000);
    assert.deepEqual([told, new Set(asked)], [["pending"], new Set(["approval c1"])]);
    set("c1", "approved", 2);
    notifier.change("c1");
    assert.deepEqual(await stream, { final: "approved" });
  });

  it("E8: a stream begins when the answer before it on the same connection is done", async (t) => {
    const { origin, hub, browser, set } = await openHub(t, { streamsPerSession: 1 });
    set("c1", "pending", 1);
    void browser.watch("/s/u/c1").end;
    await until(() => hub.size === 1, "the first stream did not open", 10_000);
    const socket = connect(Number(new URL(origin).port), "127.0.0.1");
    let text = "";
    socket.on("data", (part) => (text += String(part)));
    socket.write(["s", "other"].map((session) => `GET /${session}/u/c1 HTTP/1.1\r\nhost: x\r\n\r\n`).join(""));
    await until(() => text.includes('"pending"'), "the second stream told nothing", 10_000);
    assert.match(text, /^HTTP\/1.1 429 [^]*HTTP\/1.1 200 OK[^]*event: status/);
    socket.destroy();
  });

  it("E6: reads each row again from the table of its own kind alone", async (t) => {
    const { browser, set, asked } = await openHub(t);
    set("c1", "pending", 1, "approval");
    set("e1", "pending", 1, "registration");
    const streams = [browser.watch("/s/u/c1").end, browser.watch("/s/u/e1").end];
    const read = (row: string): number => asked.filter((each) => each === row).length;
    await until(() => read("approval c1") > 3 && read("registration e1") > 3, "the rows were not read again", 10_000);
    assert.deepEqual([...new Set(asked)].sort(), ["approval c1", "registration e1"]);
    set("c1", "approved", 2, "approval");
    set("e1", "completed", 2, "registration");
    assert.deepEqual(await Promise.all(streams), [{ final: "approved" }, { final: "completed" }]);
  });

  it("E8: the head comes at once and the first event as soon as the database is back", async (t) => {
    const { origin, browser, set, away, missed } = await openHub(t);
    set("c1", "pending", 1);
    away(true);
    const told: string[] = [];
    const stream = browser.watch("/s/u/c1", (status) => told.push(status)).end;
    const other = await fetch(`${origin}/s/u/c1`);
    assert.equal(other.status, 200);
    await other.body?.cancel();
    await until(() => missed() > 3, "the rows were not read again", 10_000);
    assert.deepEqual(told, []);
    away(false);
    await until(() => told.length > 0, "no event came", 10_000);
    set("c1", "approved", 2);
    assert.deepEqual(await stream, { final: "approved" });
  });

  it("E10: refuses the fourth of a session, the seventh of a user and one more than there may be in all", async (t) => {
    const hub = await openHub(t, { streamsPerSession: 3, streamsPerUser: 6, streams: 8 });
    const opened: boolean[] = [];
    for (const session of ["s1", "s1", "s1", "s1", "s2", "s2", "s2", "s3"])
      opened.push(await opens(hub, `/${session}/u1/c1`));
    assert.deepEqual(opened, [true, true, true, false, true, true, true, false]);
    const others: boolean[] = [];
    for (const path of ["/s4/u2/c1", "/s5/u3/c1", "/s6/u4/c1"]) others.push(await opens(hub, path));
    assert.deepEqual(others, [true, true, false]);
  });

  it("E10: refuses one more than an address may have, whoever asks, and no other address", async (t) => {
    const hub = await openHub(t, { streamsPerAddress: 2 });
    const opened: boolean[] = [];
    for (const path of ["/s1/u1/c1/a", "/s2/u2/c1/a", "/s3/u3/c1/a", "/s3/u3/c1/b"])
      opened.push(await opens(hub, path));
    assert.deepEqual(opened, [true, true, false, true]);
  });

  /** Whether one more stream is let in. */
  async function opens({ hub, browser, set }: Awaited<ReturnType<typeof openHub>>, path: string): Promise<boolean> {
    set("c1", "pending", 1);
    const before = hub.size;
    const ended = browser.watch(path).end;
    await Promise.race([ended, until(() => hub.size > before, "no stream opened", 10_000)]);
    return hub.size > before;
  }

  it("E11: drops a reader that lets 64 KiB pile up, and no other", async (t) => {
    const { origin, hub, browser, set, notifier } = await openHub(t, {}, { rereadMs: 60_000 });
    for (const id of ["c1", "c2"]) set(id, "pending", 1);
    const slow = connect(Number(new URL(origin).port), "127.0.0.1");
    slow.on("error", () => undefined);
    slow.pause();
    slow.write("GET /s/u/c1 HTTP/1.1\r\nHost: a\r\n\r\n");
    const reading = browser.watch("/s2/u/c2").end;
    await until(() => hub.size === 2, "the streams did not open", 10_000);
    // News without end: what the kernel does not take any more piles up in the process.
    let version = 1;
    await until(
      () => {
        for (let n = 0; n < 2000; n++) {
          set("c1", "pending", (version += 1));
          notifier.change("c1");
        }
        return hub.size === 1;
      },
      "the slow reader was kept",
      120_000,
    );
    set("c2", "approved", 2);
    notifier.change("c2");
    assert.deepEqual(await reading, { final: "approved" });
  });

  it("E2: ends with its session", async (t) => {
    const { browser, hub, set, dead, notifier } = await openHub(t, {}, { rereadMs: 60_000 });
    set("c1", "pending", 1);
    const ended = browser.watch("/s1/u/c1").end;
    const other = browser.watch("/s2/u/c1").end;
    await until(() => hub.size === 2, "the streams did not open", 10_000);
    dead.add("s1");
    notifier.sessions();
    assert.ok("cut" in (await ended), "the stream of the dead session was not cut");
    set("c1", "approved", 2);
    notifier.change("c1");
    assert.deepEqual(await other, { final: "approved" });
  });

  it("F18: when draining each stream ends with a pause of its own before it comes back", async (t) => {
    const { browser, set, hub } = await openHub(t);
    set("c1", "pending", 1);
    const streams = Array.from({ length: 30 }, (_, n) => browser.watch(`/s${n}/u/c1`).end);
    await until(() => hub.size === 30, "the streams did not open", 10_000);
    hub.drain();
    const pauses = (await Promise.all(streams)).map((ended) => ("cut" in ended ? ended.cut : 0));
    assert.ok(
      pauses.every((ms) => ms >= 500 && ms <= 2000),
      String(pauses),
    );
    assert.ok(new Set(pauses).size > 10, "they do not come back together");
    assert.equal(hub.size, 0);
  });

  it("counts a reader that left before its head was written as gone", async (t) => {
    const { origin, hub, set, seen } = await openHub(t);
    set("c1", "pending", 1);
    for (let n = 0; n < 20; n++) {
      const socket = connect(Number(new URL(origin).port), "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(`GET /s/u/c1 HTTP/1.1\r\nHost: a\r\n\r\n`, () => socket.destroy());
    }
    await until(() => seen() === 20, "not every request arrived", 10_000);
    await until(() => hub.size === 0, "some streams were kept", 10_000);
  });
});
