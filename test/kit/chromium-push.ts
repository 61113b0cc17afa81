import { createHash, createPublicKey, randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import path from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import type { Owner } from "./owner.js";
import { type Field, message, readVarint, varint } from "./protobuf.js";

const FOLDER = path.resolve("test/kit/certificates");
/** The version of the protocol, and its tags. */
const MCS_VERSION = 41;
const TAG = { ping: 0, pong: 1, login: 2, loggedIn: 3, data: 8 } as const;

/** What Chromium said when it registered one subscription. */
interface Registration {
  readonly app: string;
  readonly subtype: string;
  readonly sender: string;
}

/** The three services behind a push subscription of Chromium, on this machine: check-in, registration, connection. */
export interface ChromiumPush {
  /** What Chromium has to be started with, and a profile of its own. */
  readonly args: readonly string[];
  /** Hands a push on to the browser, as soon as it is connected. @returns false when the token is unknown. */
  deliver(token: string, push: { readonly encoding: string; readonly body: Buffer }): Promise<boolean>;
}

/** Starts them. The browser meets them with its own code for them: nothing in it is replaced. */
export async function startChromiumPush(owner: Owner): Promise<ChromiumPush> {
  const registrations = new Map<string, Registration>();
  const connected = new Set<TLSSocket>();
  const connections = new EventEmitter();
  /** By the id that Chromium knows each push by. */
  const sent = new Map<string, Buffer>();

  const http = createHttpServer((req, res) => {
    const parts: Buffer[] = [];
    req.on("data", (part: Buffer) => parts.push(part));
    req.on("end", () => {
      if (req.url === "/c") {
        const id = { fixed64: 4_711_471_147_114_711n };
        res.end(message([1, 1], [3, BigInt(Date.now())], [7, id], [8, id]));
        return;
      }
      const form = new URLSearchParams(Buffer.concat(parts).toString());
      const token = `token-${registrations.size + 1}`;
      const [app, subtype, sender] = ["app", "X-subtype", "sender"].map((name) => form.get(name) ?? "");
      registrations.set(token, { app: app ?? "", subtype: subtype ?? "", sender: sender ?? "" });
      res.end(`token=${token}`);
    });
  });
  const certificate = readFileSync(path.join(FOLDER, "server.pem"));
  const tls = createServer({ cert: certificate, key: readFileSync(path.join(FOLDER, "server-key.pem")) }, (socket) => {
    socket.on("close", () => connected.delete(socket)).on("error", () => undefined);
    let unread = Buffer.alloc(0);
    let isFirst = true;
    socket.on("data", (part: Buffer) => {
      unread = Buffer.concat([unread, part]);
      if (isFirst) {
        unread = unread.subarray(1); // the version
        isFirst = false;
      }
      for (;;) {
        const [tag] = unread;
        const length = tag === undefined ? null : readVarint(unread, 1);
        if (length === null || unread.length < length.next + length.value) return;
        const body = unread.subarray(length.next, length.next + length.value);
        unread = unread.subarray(length.next + length.value);
        if (tag === TAG.login) {
          // In one piece: Chromium does not put it together from two.
          socket.write(Buffer.concat([Buffer.from([MCS_VERSION]), framed(TAG.loggedIn, [1, "x"])]));
          // It names what it has received: the rest was lost with an earlier connection.
          for (const [id, frame] of sent) if (!body.includes(id)) socket.write(frame);
          connected.add(socket);
          connections.emit("logged in");
        }
        if (tag === TAG.ping) socket.write(framed(TAG.pong));
      }
    });
  });
  const [a, b] = await Promise.all([listen(http), listen(tls)]);
  owner.after(async () => {
    for (const socket of connected) socket.destroy();
    http.closeAllConnections();
    await Promise.all([http, tls].map((server) => new Promise((resolve) => server.close(resolve))));
  });

  const spki = createPublicKey(certificate).export({ format: "der", type: "spki" });
  return {
    args: [
      `--gcm-checkin-url=http://127.0.0.1:${a}/c`,
      `--gcm-registration-url=http://127.0.0.1:${a}/r`,
      `--gcm-mcs-endpoint=https://127.0.0.1:${b}`,
      `--ignore-certificate-errors-spki-list=${createHash("sha256").update(spki).digest("base64")}`,
    ],
    async deliver(token, { encoding, body }) {
      const to = registrations.get(token);
      if (to === undefined) return false;
      if (connected.size === 0) await once(connections, "logged in");
      const words = [
        ["content-encoding", encoding],
        ["subtype", to.subtype],
      ] as const;
      const id = `push-${randomUUID()}`;
      const frame = framed(
        TAG.data,
        [3, to.sender],
        [5, to.app],
        ...words.map(([name, value]): Field => [7, message([1, name], [2, value])]),
        [9, id],
        [17, 60],
        [18, BigInt(Date.now())],
        [21, body],
      );
      sent.set(id, frame);
      for (const socket of connected) socket.write(frame);
      return true;
    },
  };
}

function framed(tag: number, ...fields: readonly Field[]): Buffer {
  const body = message(...fields);
  return Buffer.concat([Buffer.from([tag]), varint(body.length), body]);
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
