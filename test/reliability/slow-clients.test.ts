import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";

import { openTown, startSignIn, timed } from "./town.js";

const MOST_MS = 15_000;

/** Sends some bytes and then so many each second, until the other side has enough of it. */
function dawdle(port: number, first: string, drip = ""): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(first));
    const dripping = setInterval(() => {
      if (drip !== "") socket.write(drip);
    }, 1000);
    socket.on("error", () => undefined);
    socket.resume();
    socket.once("close", () => {
      clearInterval(dripping);
      resolve();
    });
  });
}

describe("slow clients", () => {
  it(
    "B1: sockets that say nothing, or too slowly, are closed within 15 s; a stream stays",
    { timeout: 40_000 },
    async (t) => {
      const town = await openTown(t, { workers: 0, env: { STREAM_HEARTBEAT_MS: "3000" } });
      const ada = await town.enrol("ada");
      const waiting = await startSignIn(ada);
      const stream = timed(ada.browser.watch(waiting.events));
      const port = town.world.webPorts[0] ?? 0;
      const body =
        "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 900\r\n\r\n";
      const closed = await Promise.all([
        timed(dawdle(port, "")),
        timed(dawdle(port, "GET / HTTP/1.1\r\nHos")),
        timed(dawdle(port, "GET / HTTP/1.1\r\n", "X: y\r\n")),
        timed(dawdle(port, body, "a")),
        timed(dawdle(port, body.replace("/login", "/webhooks/authy/onetouch"), "a")),
      ]);
      for (const [n, { ms }] of closed.entries()) assert.ok(ms < MOST_MS, `the client ${n} was kept for ${ms} ms`);
      await ada.browser.post("/login/approval/cancel", { csrf: waiting.token });
      const { value, ms } = await stream;
      assert.deepEqual(value, { final: "cancelled" });
      assert.ok(ms > 9000, "the stream was there all the time");
    },
  );
});
