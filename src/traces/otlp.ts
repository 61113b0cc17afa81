import { createHash, randomBytes } from "node:crypto";

import type { Log } from "../domain/deps.js";
import type { Traces } from "../domain/traces.js";

const SEND_EVERY_MS = 1000;
const SEND_WITHIN_MS = 5000;
/** What a collector that is away may cost; later spans are dropped. */
const MOST_WAITING = 4096;
const SAY_EVERY_MS = 60_000;
const SERVER = 2;
const INTERNAL = 1;

class BadStatus extends Error {}

/** Where traces go, as the standard variables say. */
export interface TraceSettings {
  /** The whole address, `/v1/traces` included. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What names the process: `service.name` and others. */
  readonly resource: Readonly<Record<string, string>>;
  /** Which part of the attempts is traced, 0 to 1. */
  readonly share: number;
}

/**
 * Sends spans to a collector by OTLP over HTTP, as JSON. The trace of an attempt has the attempt's id, so that every process
 * knows it without being told.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/
 */
export function otlpTraces(
  { url, headers, resource, share }: TraceSettings,
  log: Pick<Log, "warn">,
): Traces & { close(): Promise<void> } {
  const attributes = attributesOf(resource);
  let waiting: object[] = [];
  let saidAt = -Infinity;

  async function send(): Promise<void> {
    const spans = waiting;
    if (spans.length === 0) return;
    waiting = [];
    try {
      const response = await fetch(url, {
        method: "POST",
        redirect: "error",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({
          resourceSpans: [{ resource: { attributes }, scopeSpans: [{ scope: { name: "countersign" }, spans }] }],
        }),
        signal: AbortSignal.timeout(SEND_WITHIN_MS),
      });
      await response.body?.cancel();
      if (!response.ok) throw new BadStatus(`it answered ${response.status}`);
    } catch (error) {
      if (performance.now() - saidAt < SAY_EVERY_MS) return;
      saidAt = performance.now();
      log.warn({ reason: reasonOf(error), spans: spans.length }, "traces not taken by the collector");
    }
  }
  const timer = setInterval(() => void send(), SEND_EVERY_MS);
  timer.unref();

  return {
    span(attemptId, name, from, result, isBegin = false) {
      const traceId = attemptId.replaceAll("-", "");
      if (waiting.length >= MOST_WAITING || !isSampled(traceId, share)) return;
      const first = createHash("sha256").update(attemptId).digest("hex").slice(0, 16);
      waiting.push({
        traceId,
        spanId: isBegin ? first : randomBytes(8).toString("hex"),
        ...(isBegin ? {} : { parentSpanId: first }),
        name,
        kind: isBegin ? SERVER : INTERNAL,
        startTimeUnixNano: nanoseconds(from),
        endTimeUnixNano: nanoseconds(performance.now()),
        attributes: attributesOf({ "countersign.attempt": attemptId, ...(result && { "countersign.result": result }) }),
      });
    },
    async close() {
      clearInterval(timer);
      await send();
    },
  };
}

/** The same attempts in every process: as TraceIdRatioBased has it, the last 56 bits decide. */
function isSampled(traceId: string, share: number): boolean {
  return parseInt(traceId.slice(-14), 16) < share * 2 ** 56;
}

/** Since 1970, as text: too many for a number. */
function nanoseconds(at: number): string {
  return String(BigInt(Math.round((performance.timeOrigin + at) * 1000)) * 1000n);
}

function attributesOf(values: Readonly<Record<string, string>>): object[] {
  return Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

/** A code or a name: what the platform says of a header that it refuses has the header in it. */
function reasonOf(error: unknown): string {
  if (error instanceof BadStatus) return error.message;
  const { cause, name } = error as Error & { cause?: { code?: string } };
  return cause?.code ?? name;
}
