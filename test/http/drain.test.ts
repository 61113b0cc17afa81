import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { Agent, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import Koa from "koa";

import { prepareDrain } from "../../src/http/drain.js";
import { createHttpServer } from "../../src/http/listen.js";

const NO_STREAMS = { drain: () => undefined };

/** A server whose answers come after `ms`, or when the test says so. */
async function serve(t: TestContext, answering: () => Promise<void>): Promise<{ server: Server; port: number }> {
  const app = new Koa();
  app.use(async (ctx) => {
    await answering();
    ctx.body = "answered";
  });
  const server = createHttpServer(app, 65_000);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function ask(port: number, agent: Agent | false = false): Promise<IncomingMessage> {
  const [answer] = (await once(get({ port, host: "127.0.0.1", agent }), "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
  return answer;
}

describe("F18: draining", () => {
  it("answers on every connection that the kernel took before listening ended", async (t) => {
    const { server, port } = await serve(t, () => Promise.resolve());
    const drain = prepareDrain(server);
    // The server can take none of them before this round of the event loop is over.
    const asked = Array.from({ length: 40 }, () => ask(port));
    const [answers] = await Promise.all([Promise.all(asked), drain(NO_STREAMS, 0)]);
    assert.deepEqual(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]));
    await assert.rejects(ask(port), { code: "ECONNREFUSED" });
  });

  it("finishes what is under way and lets its connection be the last", async (t) => {
    const gate = new EventEmitter();
    const { server, port } = await serve(t, async () => {
      await once(gate, "open");
    });
    const drain = prepareDrain(server);
    const asked = ask(port, new Agent({ keepAlive: true }));
    await once(server, "request");
    const drained = drain(NO_STREAMS, 0);
    while (server.listening) await wait(5);
    gate.emit("open");
    const { statusCode, headers } = await asked;
    assert.deepEqual([statusCode, headers.connection], [200, "close"]);
    await drained;
  });

  it("takes one more request on an idle connection, which may be on its way", async (t) => {
    const { server, port } = await serve(t, () => Promise.resolve());
    const drain = prepareDrain(server);
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await ask(port, kept)).headers.connection, "keep-alive");
    const drained = drain(NO_STREAMS, 0);
    while (server.listening) await wait(5);
    const last = await ask(port, kept);
    assert.deepEqual([last.statusCode, last.headers.connection], [200, "close"]);
    await drained;
  });
});
