import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Owner } from "./owner.js";

/** What Firefox answers to a push. */
export const ACK = { shown: 100, notDecrypted: 101 } as const;

/** Mozilla's push service (autopush), on this machine: Firefox keeps a connection to it. */
export interface FirefoxPush {
  /** What Firefox has to be started with. */
  readonly prefs: Readonly<Record<string, string | boolean>>;
  /** Hands a push on to the browser, and says how that acknowledged it; null when the channel is unknown. */
  deliver(channelId: string, push: { readonly encoding: string; readonly body: Buffer }): Promise<number | null>;
}

interface Said {
  readonly messageType: string;
  readonly channelID?: string;
  readonly updates?: readonly { readonly version: string; readonly code: number }[];
}

/**
 * Starts it. Subscriptions get addresses of Mozilla's service, whose last part is the channel.
 *
 * @see https://mozilla-push-service.readthedocs.io/en/latest/design/
 */
export async function startFirefoxPush(owner: Owner): Promise<FirefoxPush> {
  const channels = new Map<string, WebSocket>();
  const acks = new EventEmitter();
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket) => {
    const say = (answer: Record<string, unknown>): void => {
      socket.send(JSON.stringify(answer));
    };
    socket.on("message", (bytes: Buffer) => {
      const said = JSON.parse(bytes.toString()) as Partial<Said>;
      const { messageType, channelID = "", updates = [] } = said;
      if (messageType === "hello")
        say({ messageType, uaid: randomUUID().replaceAll("-", ""), status: 200, use_webpush: true });
      if (messageType === "register") {
        channels.set(channelID, socket);
        const pushEndpoint = `https://updates.push.services.mozilla.com/wpush/v2/${channelID}`;
        say({ messageType, channelID, status: 200, pushEndpoint });
      }
      if (messageType === "unregister") {
        channels.delete(channelID);
        say({ messageType, channelID, status: 200 });
      }
      if (messageType === "ack") for (const { version, code } of updates) acks.emit(version, code);
    });
  });
  await once(server, "listening");
  owner.after(async () => {
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    prefs: {
      "dom.push.serverURL": `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      "dom.push.testing.allowInsecureServerURL": true,
      "dom.push.connection.enabled": true,
    },
    async deliver(channelId, { encoding, body }) {
      const socket = channels.get(channelId);
      if (socket === undefined) return null;
      const version = randomUUID();
      const acknowledged = once(acks, version);
      const [data, headers] = [body.toString("base64url"), { encoding }];
      socket.send(JSON.stringify({ messageType: "notification", channelID: channelId, version, data, headers }));
      const [code] = (await acknowledged) as [number];
      return code;
    },
  };
}
