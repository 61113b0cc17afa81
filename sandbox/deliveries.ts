import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Outgoing } from "./callback.js";
import { callbackFault, type Faults } from "./faults.js";

const KEPT_DELIVERIES = 500;
const KEPT_ANSWER_BYTES = 2_048;

/** One attempt: what came back, or why nothing did. */
export interface Attempt {
  readonly at: string;
  readonly duration_ms: number;
  readonly status: number | null;
  readonly answer: string | null;
  readonly error: string | null;
}

/** A line of the delivery log. */
export interface Delivery {
  readonly id: string;
  readonly kind: Outgoing["kind"];
  readonly created_at: string;
  readonly request: Pick<Outgoing, "method" | "url" | "headers" | "body">;
  /** The fault that was applied to it; `deliver` when none was. */
  readonly fault: Faults["callbacks"];
  /** The delivery that this one repeats byte by byte. */
  readonly replay_of: string | null;
  state: "waiting" | "dropped" | "delivered" | "failed";
  readonly attempts: Attempt[];
}

export interface DeliveryOptions {
  readonly log: Logger;
  readonly timeoutMs: number;
  readonly retryDelaysMs: readonly number[];
  /** The faults of this moment. */
  faults(): Faults;
  changed(): void;
}

/** Sends callbacks and webhook deliveries, with retries and on request with faults, and keeps a log of the results. */
export class Deliveries {
  readonly #log: Delivery[] = [];
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #heldBack: { start: () => void; timer: NodeJS.Timeout } | null = null;

  constructor(private readonly options: DeliveryOptions) {
    setMaxListeners(0, this.#stop.signal); // one for each delivery that waits
  }

  /** The log, newest first. */
  list(): readonly Delivery[] {
    return this.#log.toReversed();
  }

  /**
   * Sends one request, or what the faults make of it, without waiting for the answer.
   *
   * @param make - Builds the request; called with true when its signature must be wrong. null: there is nowhere to send it.
   */
  send(make: (spoilt: boolean) => Outgoing | null, kind: Outgoing["kind"]): void {
    const fault = callbackFault(this.options.faults(), kind);
    const outgoing = make(fault === "bad-signature");
    if (outgoing === null) return;
    const first = this.#enter(outgoing, fault, null);
    const { delay_ms: delayMs } = this.options.faults();
    if (fault === "drop") first.state = "dropped";
    else if (fault === "delay") this.#later(first, delayMs);
    else if (fault === "reorder") this.#holdBack(first, delayMs);
    else this.#later(first, 0);
    if (fault === "duplicate") this.#later(this.#enter(outgoing, fault, first.id), 0);
    if (fault === "replay") this.#later(this.#enter(outgoing, fault, first.id), delayMs);
    this.options.changed();
  }

  /** Sends the very same bytes again, once, whatever the faults say. @returns undefined for an unknown id. */
  replay(id: string): Delivery | undefined {
    const original = this.#log.find((delivery) => delivery.id === id);
    if (!original) return undefined;
    const again = this.#enter({ kind: original.kind, ...original.request }, "deliver", original.id);
    this.#later(again, 0);
    this.options.changed();
    return again;
  }

  /** Forgets the log; what is on its way goes on. */
  clear(): void {
    this.#log.length = 0;
    this.options.changed();
  }

  /** Gives up whatever is on its way. */
  async close(): Promise<void> {
    if (this.#heldBack) clearTimeout(this.#heldBack.timer);
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  #enter(outgoing: Outgoing, fault: Delivery["fault"], replayOf: string | null): Delivery {
    const { kind, method, url, headers, body } = outgoing;
    const delivery: Delivery = {
      id: randomUUID(),
      kind,
      created_at: new Date().toISOString(),
      request: { method, url, headers, body },
      fault,
      replay_of: replayOf,
      state: "waiting",
      attempts: [],
    };
    this.#log.push(delivery);
    if (this.#log.length > KEPT_DELIVERIES) this.#log.shift();
    return delivery;
  }

  /** Holds a delivery back until the next one, which is sent first; when none comes, for `maxMs` at most. */
  #holdBack(delivery: Delivery, maxMs: number): void {
    const held = this.#heldBack;
    if (held) {
      clearTimeout(held.timer);
      this.#heldBack = null;
      this.#later(delivery, 0, held.start);
      return;
    }
    const start = (): void => {
      this.#heldBack = null;
      this.#later(delivery, 0);
    };
    this.#heldBack = { start, timer: setTimeout(start, maxMs) };
  }

  #later(delivery: Delivery, delayMs: number, then?: () => void): void {
    if (this.#stop.signal.aborted) return;
    const run = this.#deliver(delivery, delayMs)
      .catch((cause: unknown) => {
        if (!this.#stop.signal.aborted) this.options.log.error({ err: cause }, "delivery broke");
      })
      .finally(() => {
        this.#running.delete(run);
        then?.();
      });
    this.#running.add(run);
  }

  async #deliver(delivery: Delivery, delayMs: number): Promise<void> {
    const { signal } = this.#stop;
    if (delayMs > 0) await sleep(delayMs, undefined, { signal });
    for (const pauseMs of [...this.options.retryDelaysMs, null]) {
      const attempt = await this.#attempt(delivery.request);
      delivery.attempts.push(attempt);
      const { status } = attempt;
      const worthAgain = status === null || status >= 500 || status === 429;
      if (!worthAgain) delivery.state = status < 300 ? "delivered" : "failed";
      else if (pauseMs === null) delivery.state = "failed";
      this.#report(delivery, attempt);
      if (!worthAgain || pauseMs === null) return;
      await sleep(pauseMs, undefined, { signal });
    }
  }

  #report({ id, kind, state, fault, attempts }: Delivery, { status, duration_ms, error }: Attempt): void {
    const level = state === "delivered" ? "info" : "warn";
    this.options.log[level](
      { id, kind, fault, state, attempt: attempts.length, status, duration_ms, error },
      "delivery",
    );
    this.options.changed();
  }

  async #attempt({ method, url, headers, body }: Delivery["request"]): Promise<Attempt> {
    const at = new Date().toISOString();
    const start = performance.now();
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.options.timeoutMs)]);
    const took = (): number => Math.round((performance.now() - start) * 10) / 10;
    try {
      const response = await fetch(url, { method, headers, body, signal, redirect: "manual" });
      const answer = await firstBytes(response, KEPT_ANSWER_BYTES);
      return { at, duration_ms: took(), status: response.status, answer, error: null };
    } catch (cause) {
      return { at, duration_ms: took(), status: null, answer: null, error: reasonOf(cause) };
    }
  }
}

async function firstBytes(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString();
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === "TimeoutError") return "no answer in time";
  const inner = cause.cause as NodeJS.ErrnoException | undefined;
  return inner?.code ?? inner?.message ?? cause.message;
}
