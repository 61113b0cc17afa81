import { PassThrough } from "node:stream";
import type { Context } from "koa";

const LOOK_EVERY_MS = 500;
const PING_EVERY_MS = 15_000;

/** Sends every change to open phone pages, by server-sent events. */
export class PhoneFeed {
  readonly #open = new Set<PassThrough>();
  #last = "";
  #soon = false;
  #timer: NodeJS.Timeout | null = null;
  #pingedAt = 0;

  /** @param read - The state to show; it also changes by the clock alone (a code rolls over, a request runs out). */
  constructor(
    private readonly read: () => object,
    private readonly now: () => number,
  ) {}

  /** Answers a request with the stream: the present state at once, then one event for each change. */
  open(ctx: Context): void {
    const stream = new PassThrough();
    this.#open.add(stream);
    ctx.res.once("close", () => {
      this.#open.delete(stream);
      stream.end();
      if (this.#open.size === 0) this.#rest();
    });
    ctx.set({
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store, no-transform",
      "X-Accel-Buffering": "no",
      Connection: "close",
    });
    stream.write("retry: 1000\n\n");
    this.#last = JSON.stringify(this.read());
    stream.write(this.#event());
    ctx.body = stream;
    this.#timer ??= setInterval(() => {
      this.#look();
    }, LOOK_EVERY_MS);
  }

  /** Something changed; several changes in one turn are one event. */
  changed(): void {
    if (this.#soon || this.#open.size === 0) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      this.#look();
    });
  }

  close(): void {
    this.#rest();
    for (const stream of this.#open) stream.end();
  }

  #look(): void {
    const text = JSON.stringify(this.read());
    if (text !== this.#last) {
      this.#last = text;
      this.#send(this.#event());
    } else if (Date.now() - this.#pingedAt > PING_EVERY_MS) {
      this.#send(": still here\n\n");
    }
  }

  #send(text: string): void {
    this.#pingedAt = Date.now();
    for (const stream of this.#open) stream.write(text);
  }

  #event(): string {
    return `event: state\ndata: {"now":${JSON.stringify(new Date(this.now()).toISOString())},"state":${this.#last}}\n\n`;
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
