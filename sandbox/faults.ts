import { z } from "zod";

/** Names of the API's routes, for a fault that shall hit only one of them. */
export const API_ROUTES = [
  "users-new",
  "users-status",
  "users-remove",
  "users-update",
  "users-secret",
  "users-activity",
  "registrations-status",
  "verify",
  "sms",
  "call",
  "email",
  "app-details",
  "app-stats",
  "sdk-device-remove",
  "approval-create",
  "approval-status",
  "webhooks-create",
  "webhooks-list",
  "webhooks-delete",
] as const;
export type ApiRoute = (typeof API_ROUTES)[number];

const flag = z.boolean().default(false);
const milliseconds = z.int().min(0).max(600_000);
const times = z.int().min(1).max(1_000_000).nullable().default(null);

/** How the sandbox misbehaves. An absent field is its default: everything works. */
export const Faults = z.strictObject({
  /** Which calls of the API the fields down to `times` are for. */
  route: z.enum(["all", ...API_ROUTES]).default("all"),
  latency_ms: milliseconds.default(0),
  /** The HTTP status of every answer, with Authy's envelope of a failure; 200 makes a failure that looks like success. */
  status: z.int().min(200).max(599).nullable().default(null),
  /** Share of the calls, 0 to 1, that get `status` (503 when that is not set) or the fault that is switched on below. */
  error_rate: z.number().min(0).max(1).default(0),
  /** Seconds or a date for the header Retry-After; alone it means status 429. */
  retry_after: z
    .union([z.int().min(0).max(86_400), z.string().regex(/^[\x20-\x7e]{1,60}$/)])
    .nullable()
    .default(null),
  /** The connection is reset instead of an answer. */
  reset: flag,
  /** The true answer, but only half its body before the connection breaks. */
  truncate: flag,
  /** Text that is not JSON. */
  not_json: flag,
  /** An HTML page, as a failing proxy sends it; status 503 unless `status` says otherwise. */
  html: flag,
  /** The call takes effect all the same; only its answer is late or spoilt. */
  takes_effect: flag,
  /** How many calls the fault hits before it is over; null: until cleared. */
  times,
  callbacks: z.enum(["deliver", "drop", "duplicate", "delay", "bad-signature", "reorder", "replay"]).default("deliver"),
  /** Which deliveries `callbacks` is for: those of approval requests, those of webhooks, or both. */
  callback_route: z.enum(["all", "onetouch", "webhook"]).default("all"),
  callback_times: times,
  /** How long `delay` waits, `reorder` holds back, and `replay` waits before the second sending. */
  delay_ms: milliseconds.default(3_000),
  callback_method: z.enum(["POST", "GET"]).nullable().default(null),
  webhook_encoding: z.enum(["json", "form"]).default("json"),
  /** The registration status of an id that nobody has scanned yet. */
  registration_before_scan: z.enum(["not-found", "pending"]).default("not-found"),
  /** How far the sandbox's clock is ahead of (or, negative, behind) the true one. */
  clock_skew_seconds: z.int().min(-315_360_000).max(315_360_000).default(0),
});
export type Faults = z.infer<typeof Faults>;

export const noFaults = (): Faults => Faults.parse({});

/** What a fault does to one call; null when it does nothing. */
export interface Spoil {
  readonly latencyMs: number;
  readonly takesEffect: boolean;
  readonly kind: "none" | "status" | "reset" | "truncate" | "not-json" | "html";
  readonly status: number;
  readonly retryAfter: string | null;
}

/**
 * Decides whether a call of the API is hit, and counts it.
 *
 * @param faults - Changed: `times` goes down with each hit, and after the last one the API's faults are gone.
 * @param lot - A number from 0 to 1, random, compared with `error_rate`.
 */
export function spoil(faults: Faults, route: ApiRoute, lot: number): Spoil | null {
  if (faults.route !== "all" && faults.route !== route) return null;
  const spared = faults.error_rate > 0 && lot >= faults.error_rate;
  const kind = spared ? "none" : kindOf(faults);
  if (kind === "none" && faults.latency_ms === 0) return null;
  const hit: Spoil = {
    kind,
    latencyMs: faults.latency_ms,
    takesEffect: faults.takes_effect,
    status: faults.status ?? (faults.retry_after !== null ? 429 : kind === "not-json" ? 200 : 503),
    retryAfter: faults.retry_after === null ? null : String(faults.retry_after),
  };
  if (faults.times !== null) {
    faults.times -= 1;
    if (faults.times === 0) clearApiFaults(faults);
  }
  return hit;
}

function kindOf(faults: Faults): Spoil["kind"] {
  if (faults.reset) return "reset";
  if (faults.truncate) return "truncate";
  if (faults.not_json) return "not-json";
  if (faults.html) return "html";
  return faults.status !== null || faults.retry_after !== null || faults.error_rate > 0 ? "status" : "none";
}

function clearApiFaults(faults: Faults): void {
  const { route, latency_ms, status, error_rate, retry_after, reset, truncate, not_json, html, takes_effect, times } =
    noFaults();
  Object.assign(faults, {
    route,
    latency_ms,
    status,
    error_rate,
    retry_after,
    reset,
    truncate,
    not_json,
    html,
    takes_effect,
    times,
  });
}

/** What happens to the next callback or webhook delivery; counts it. */
export function callbackFault(faults: Faults, kind: "onetouch" | "webhook"): Faults["callbacks"] {
  const fault = faults.callbacks;
  if (fault === "deliver" || (faults.callback_route !== "all" && faults.callback_route !== kind)) return "deliver";
  if (faults.callback_times !== null) {
    faults.callback_times -= 1;
    if (faults.callback_times === 0) Object.assign(faults, { callbacks: "deliver", callback_times: null });
  }
  return fault;
}
