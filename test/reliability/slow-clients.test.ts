import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { BOUNDED, inTime } from "../kit/in-time.js";
import { enrol, startSignIn } from "../kit/people.js";
import { openStream, startBalanced } from "./sign-ins.js";

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
  it("B1: sockets that say nothing, or too slowly, are closed within 15 s; a stream stays", BOUNDED, async (t) => {
    const program = await startBalanced(t, { workers: 0, env: { STREAM_HEARTBEAT_MS: "3000" } });
    const ada = await enrol(program, "ada");
    const waiting = await startSignIn(ada);
    let isOpen = true;
    const stream = await openStream(ada, waiting);
    const ended = stream.end.finally(() => (isOpen = false));
    const port = program.web.port;
    const body =
      "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 900\r\n\r\n";
    const clients: readonly [string, Promise<void>][] = [
      ["silent", dawdle(port, "")],
      ["stuck in a header", dawdle(port, "GET / HTTP/1.1\r\nHos")],
      ["with headers without end", dawdle(port, "GET / HTTP/1.1\r\n", "X: y\r\n")],
      ["with a slow form", dawdle(port, body, "a")],
      ["with a slow callback", dawdle(port, body.replace("/login", "/webhooks/authy/onetouch"), "a")],
    ];
    await Promise.all(clients.map(([which, closed]) => inTime(MOST_MS, `the client ${which}`, closed)));
    assert.ok(isOpen, "the stream was closed, too");
    await ada.browser.post("/login/approval/cancel");
    assert.deepEqual(await ended, { final: "cancelled" });
  });
});
