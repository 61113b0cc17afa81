import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import Koa from "koa";

import type { LogFields } from "../../src/domain/deps.js";
import { createHttpServer, listen } from "../../src/http/listen.js";
import { freePort } from "../kit/ports.js";

const OPEN = Promise.resolve();
const NEVER = new Promise<void>(() => undefined);
const RUNNING = new AbortController().signal;

/** Listens, and gives the address and the log. */
async function start(t: TestContext, { host = null as string | null, opening = OPEN, stopping = RUNNING } = {}) {
  const server = createHttpServer(new Koa(), 1234);
  const lines: [LogFields, string][] = [];
  const write = (fields: LogFields, message: string): void => {
    lines.push([fields, message]);
  };
  const port = await freePort();
  const place = { host, port, publicUrl: "http://localhost" };
  await listen(server, place, { info: write, warn: write, error: write }, opening, stopping);
  t.after(() => server.close());
  return { server, port, lines, address: server.address() as AddressInfo | null };
}

describe("listening", () => {
  it("opens every interface where no host is given, and says so", async (t) => {
    const { address, port, lines } = await start(t);
    assert.ok(["::", "0.0.0.0"].includes(address?.address ?? ""), address?.address);
    assert.deepEqual(lines, [
      [{ url: "http://localhost", host: "every interface", port }, "listening"],
      [{ port }, "HOST is not set: in production a given PORT is open on every interface"],
    ]);
  });

  it("opens the given host alone", async (t) => {
    const { address, port, lines } = await start(t, { host: "127.0.0.1" });
    assert.equal(address?.address, "127.0.0.1");
    assert.deepEqual(lines, [[{ url: "http://localhost", host: "127.0.0.1", port }, "listening"]]);
  });

  it("F20: does not wait for ever for a database that is away", async (t) => {
    assert.ok((await start(t, { host: "127.0.0.1", opening: NEVER })).server.listening);
    assert.ok((await start(t, { host: "127.0.0.1", opening: Promise.reject(new Error("away")) })).server.listening);
  });

  it("L5: answers headers above 16 KB with 431, a hostile Accept-Language among them", async (t) => {
    const { port } = await start(t, { host: "127.0.0.1" });
    const ask = (bytes: number) =>
      fetch(`http://127.0.0.1:${port}/`, { headers: { "accept-language": "x".repeat(bytes) } });
    assert.deepEqual([(await ask(15_000)).status, (await ask(16_400)).status], [404, 431]);
  });

  it("does not listen in a process that was told to stop", async (t) => {
    const { server } = await start(t, { opening: NEVER, stopping: AbortSignal.abort() });
    assert.equal(server.listening, false);
  });

  it("says so where the port is taken", async (t) => {
    const { port } = await start(t, { host: "127.0.0.1" });
    const lines: unknown[] = [];
    const log = { info: () => undefined, warn: () => undefined, error: (...line: unknown[]) => void lines.push(line) };
    const server = createHttpServer(new Koa(), 1234);
    await assert.rejects(listen(server, { host: "127.0.0.1", port, publicUrl: "" }, log, OPEN, RUNNING), {
      code: "EADDRINUSE",
    });
    assert.deepEqual(lines, [[{ code: "EADDRINUSE", host: "127.0.0.1", port }, "cannot listen"]]);
  });

  it("B1: gives up slow clients, and idle connections after the time that is set", () => {
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout } = createHttpServer(new Koa(), 1234);
    assert.deepEqual([headersTimeout, requestTimeout, keepAliveTimeout, timeout], [10_000, 12_000, 1234, 0]);
  });
});
