import type { ClientRequest } from "node:http";
import { EventEmitter } from "node:events";

/** An open stream that says nothing for so long, not even a heartbeat, is broken. */
const SILENT_MS = 20_000;
const FINAL_WITHIN_MS = 30_000;

/** An event of `GET /challenges/:id/events`. */
export interface StatusEvent {
  readonly id: string;
  readonly kind: "registration" | "approval";
  readonly status: string;
  readonly expiresAt: string;
}

/** How a stream ended: with a final event, cut off (and when to come back, in ms), or refused with a status. */
export type StreamEnd = { readonly final: string } | { readonly cut: number } | { readonly refused: number };

/** The event stream of one challenge, on one connection. */
export interface EventStream {
  /** The events so far. */
  readonly events: readonly StatusEvent[];
  readonly end: Promise<StreamEnd>;
  /** The first event, past or coming. Rejects when the stream ends without one. */
  first(): Promise<StatusEvent>;
  /** The final state. Rejects when there is none after 30 s. */
  final(): Promise<string>;
  close(): void;
}

/** Sends a request for an event stream and reads what comes. */
export function readEvents(outgoing: ClientRequest, onStatus: (status: string) => void = () => undefined): EventStream {
  const events: StatusEvent[] = [];
  const heard = new EventEmitter();
  const end = new Promise<StreamEnd>((resolve) => {
    let [final, retryMs]: [string | undefined, number] = [undefined, 2000];
    let silent = setTimeout(() => outgoing.destroy(), SILENT_MS);
    const done = (): void => {
      clearTimeout(silent);
      resolve(final === undefined ? { cut: retryMs } : { final });
    };
    outgoing.on("error", done);
    outgoing.on("response", (incoming) => {
      if (incoming.statusCode !== 200) {
        clearTimeout(silent);
        incoming.resume();
        resolve({ refused: incoming.statusCode ?? 0 });
        return;
      }
      let rest = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        clearTimeout(silent);
        silent = setTimeout(() => outgoing.destroy(), SILENT_MS);
        const blocks = (rest + chunk).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          retryMs = Number(/^retry: (\d+)$/m.exec(block)?.[1] ?? retryMs);
          const data = /^data: (.+)$/m.exec(block)?.[1];
          if (data === undefined) continue;
          const event = JSON.parse(data) as StatusEvent;
          events.push(event);
          if (event.status !== "pending") final = event.status;
          onStatus(event.status);
          heard.emit("event", event);
        }
      });
      incoming.on("error", done);
      incoming.on("close", done);
    });
    outgoing.end();
  });

  return {
    events,
    end,
    async first() {
      const [past] = events;
      if (past !== undefined) return past;
      const next = new Promise<StatusEvent>((resolve) => heard.once("event", resolve));
      const ended = end.then((how) => {
        throw new Error(`the event stream ended without an event: ${JSON.stringify(how)}`);
      });
      return Promise.race([next, ended]);
    },
    async final() {
      const giveUp = setTimeout(() => outgoing.destroy(), FINAL_WITHIN_MS);
      const how = await end;
      clearTimeout(giveUp);
      if ("final" in how) return how.final;
      const seen = events.map(({ status }) => status).join(", ") || "nothing";
      throw new Error(`the event stream told no final state in 30 s; it told ${seen}`);
    },
    close: () => outgoing.destroy(),
  };
}
