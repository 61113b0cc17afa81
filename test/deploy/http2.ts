import { EventEmitter } from "node:events";
import type { ClientRequest } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";

import type { SendRequest } from "../kit/browser.js";

export interface Http2Settings {
  /** The certificate of whoever signed the server's. */
  readonly ca: string;
  /** From which address of this machine it connects. */
  readonly localAddress: string;
}

/** Sends all requests over one connection in HTTP/2, as browsers do; over a new one when that has ended. */
export function overHttp2(origin: string, settings: Http2Settings): SendRequest & { close(): void } {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    if (session === undefined || session.closed || session.destroyed)
      session = connect(origin, { ...settings, ALPNProtocols: ["h2"] }).on("error", () => undefined); // requests fail, too
    return session;
  };
  const send: SendRequest = (method, path, { host, ...headers }) => {
    const authority = host === undefined ? {} : { ":authority": String(host) };
    const stream = open().request({ ":method": method, ":path": path, ...authority, ...headers }, { endStream: false });
    const outgoing = new EventEmitter();
    stream.on("error", (error) => outgoing.emit("error", error));
    stream.on("response", ({ ":status": statusCode, ...answered }) => {
      outgoing.emit("response", Object.assign(stream, { statusCode, headers: answered }));
    });
    const asked = { end: (body?: string) => stream.end(body), destroy: (error?: Error) => stream.destroy(error) };
    return Object.assign(outgoing, asked) as unknown as ClientRequest;
  };
  return Object.assign(send, { close: () => session?.destroy() });
}
