import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import got, { type Got, type OptionsInit, RequestError, TimeoutError } from "got";

import { ProviderRefused, ProviderThrottled, ProviderUnavailable, ProviderUnconfirmed } from "../../domain/errors.js";

const MAX_BODY_BYTES = 65_536;
const MAX_RETRY_AFTER_MS = 60_000;
const DEFAULT_RETRY_AFTER_MS = 5000;
/** A page waits for these requests, and must answer within 4.5 s. */
const TIMEOUT = {
  lookup: 500,
  connect: 1000,
  secureConnect: 1500,
  socket: 2500,
  send: 1000,
  response: 3000,
  request: 3200,
};
/**
 * Idle connections are given up before the other side does it: a request on one that is being closed ends as if Authy had
 * taken it. Node.js heeds what a server announces in `Keep-Alive` only when the agent has a limit of its own.
 */
const KEPT_ALIVE = { keepAlive: true, timeout: 10_000 };
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"]);

/** An answer of Authy that was understood: the status, and the object in the body. */
export interface AuthyAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** A 2xx status and `success` true or "true": anything else is no success. */
  readonly isSuccess: boolean;
  /** Authy's own code as text, `""` when there is none. */
  readonly errorCode: string;
}

/** One request to Authy. */
export type AuthyClient = (
  method: "GET" | "POST",
  path: string,
  options?: { json?: Record<string, unknown>; query?: Record<string, string>; signal?: AbortSignal | undefined },
) => Promise<AuthyAnswer>;

/** Hears how each request ended: the path without ids, the status or why none came, and how long it took. */
export type OnAuthyAnswer = (route: string, result: string, ms: number) => void;

/**
 * The only place that speaks HTTP to Authy. Never repeats a request, never follows a redirect (the key would travel
 * with it), reads at most 64 KiB, and turns what goes wrong into the provider errors, without the key.
 *
 * @param apiUrl - Base address without a trailing slash.
 */
export function authyClient(apiUrl: string, apiKey: string, onAnswer: OnAuthyAnswer = () => undefined): AuthyClient {
  const client = got.extend({
    prefixUrl: apiUrl,
    headers: { "x-authy-api-key": apiKey, "user-agent": "Countersign" },
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: TIMEOUT,
    responseType: "text",
    decompress: false, // or a small answer could grow without bound
    agent: { http: new HttpAgent(KEPT_ALIVE), https: new HttpsAgent(KEPT_ALIVE) },
  });
  return async (method, path, options = {}) => {
    const began = performance.now();
    const tell = (result: string): void => {
      onAnswer(routeOf(path), result, performance.now() - began);
    };
    const { status, text, retryAfter } = await request(client, path, {
      method,
      ...(options.json === undefined ? {} : { json: options.json }),
      ...(options.query === undefined ? {} : { searchParams: options.query }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }).catch((error: unknown) => {
      tell(error instanceof ProviderUnavailable ? "not-reached" : "no-answer");
      throw error;
    });
    tell(String(status));
    if (status === 429) throw new ProviderThrottled("Authy asks to wait", retryAfterMs(retryAfter));
    if (status >= 500) throw new ProviderUnavailable(`Authy answered ${status}`);
    if (status >= 300 && status < 400) throw new ProviderRefused(`Authy redirected with ${status}`);
    const body = objectIn(text);
    // With a 2xx status the request was taken: nobody knows what came of it.
    if (body === null) {
      if (status < 300) throw new ProviderUnconfirmed(`Authy answered ${status} without JSON`);
      throw new ProviderUnavailable(`Authy answered ${status} without JSON`);
    }
    const isSuccess = status >= 200 && status < 300 && (body["success"] === true || body["success"] === "true");
    const code = body["error_code"];
    const errorCode = typeof code === "string" || typeof code === "number" ? String(code) : "";
    if (errorCode === "60003") throw new ProviderThrottled("Authy asks to wait", retryAfterMs(retryAfter));
    if (errorCode === "60001") throw new ProviderRefused("Authy does not know the API key");
    return { status, body, isSuccess, errorCode };
  };
}

/** A path of Authy's API without what names an account or a request. */
function routeOf(path: string): string {
  return path.replace(/(?<=\/)(\d+|[0-9a-f]{8}-[0-9a-f-]{27,})(?=\/|$)/gi, ":id");
}

async function request(
  client: Got,
  path: string,
  options: OptionsInit,
): Promise<{ status: number; text: string; retryAfter: string | undefined }> {
  const pending = client(path, { ...options, resolveBodyOnly: false, responseType: "text", isStream: false });
  void pending.on("downloadProgress", ({ transferred }) => {
    if (transferred > MAX_BODY_BYTES) pending.cancel();
  });
  try {
    const response = await pending;
    return { status: response.statusCode, text: response.body, retryAfter: response.headers["retry-after"] };
  } catch (error) {
    throw providerError(error);
  }
}

/** Only chosen words of the error go on: got's own carries the request with the API key. */
function providerError(error: unknown): Error {
  const code = error instanceof RequestError ? error.code : "unknown";
  const before = error instanceof TimeoutError && ["lookup", "connect", "secureConnect"].includes(error.event);
  return before || NOT_SENT.has(code)
    ? new ProviderUnavailable(`Authy was not reached (${code})`)
    : new ProviderUnconfirmed(`no usable answer of Authy (${code})`);
}

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function retryAfterMs(header: string | undefined): number {
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) && header !== undefined ? seconds * 1000 : Date.parse(header ?? "") - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 1000), MAX_RETRY_AFTER_MS) : DEFAULT_RETRY_AFTER_MS;
}
