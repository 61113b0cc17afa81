import { after } from "node:test";
import jwt from "jsonwebtoken";
import { createSandbox } from "../app.js";
import type { Sandbox } from "../sandbox.js";
import type { SandboxSettings } from "../settings.js";

export const API_KEY = "sandbox-test-key-0123456789abcdef";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; null when it is none. */
  readonly body: unknown;
  /** A member of the body by its path, `registration.authy_id`; undefined when there is none. */
  readonly at: (path: string) => unknown;
}

/** A sandbox on a free port, with what a test does most. */
export interface Running {
  readonly url: string;
  readonly sandbox: Sandbox;
  /** Calls anything; a body goes as JSON, the API key along. */
  readonly call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
  /** The text of a registration QR code. */
  readonly qrCode: (customUserId: string, claims?: Record<string, unknown>) => string;
  /** Scans such a code. @returns the authy_id */
  readonly scan: (customUserId: string, phone?: string) => Promise<number>;
  /** Sends an approval request. @returns its uuid */
  readonly ask: (authyId: number, params?: Record<string, unknown>) => Promise<string>;
  /** The code that the phone shows. */
  readonly code: (authyId: number) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Starts a sandbox that ends with the test file at the latest. */
export async function runSandbox(given: Partial<SandboxSettings> = {}): Promise<Running> {
  const running = createSandbox({ apiKey: API_KEY, port: 0, retryDelaysMs: [20, 20], ...given });
  const url = await running.listen();
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= running.close());
  after(close);

  const call: Running["call"] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        "x-authy-api-key": API_KEY,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return answer(response, await response.text());
  };
  const qrCode: Running["qrCode"] = (customUserId, claims = {}) => {
    const now = Math.floor(running.sandbox.now() / 1000);
    const context = { custom_user_id: customUserId, authy_app_id: "359137" };
    return `authy://account?token=${jwt.sign({ iss: "Acme Login", iat: now, exp: now + 300, context, ...claims }, API_KEY)}`;
  };
  return {
    url,
    sandbox: running.sandbox,
    call,
    qrCode,
    close,
    async scan(customUserId, phone) {
      const url = qrCode(customUserId);
      const scanned = await call("POST", "/phone/scan", phone === undefined ? { url } : { url, phone });
      return scanned.at("authy_id") as number;
    },
    async ask(authyId, params = {}) {
      const path = `/onetouch/json/users/${authyId}/approval_requests`;
      const asked = await call("POST", path, { message: "Sign in to Acme?", seconds_to_expire: 120, ...params });
      return asked.at("approval_request.uuid") as string;
    },
    async code(authyId) {
      return (await call("GET", `/phone/code/${authyId}`)).at("code") as string;
    },
  };
}

function answer({ status, headers }: Response, text: string): Answer {
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    // not every answer is JSON
  }
  const at = (path: string): unknown =>
    path.split(".").reduce((inner, name) => (inner as Record<string, unknown> | null | undefined)?.[name], body);
  return { status, headers, text, body, at };
}
