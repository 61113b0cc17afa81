import { createHmac, randomUUID } from "node:crypto";
import jwt from "jsonwebtoken";

import { canonicalParams, type Json } from "../../../src/providers/authy/callback-signature.js";

/** A request on the sandbox's phone. */
export interface Ring {
  readonly uuid: string;
  readonly authy_id: number;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  readonly status: string;
}

/** Somebody's phone in the sandbox. */
export interface Phone {
  /** Binds a phone to a registration. @returns its authy_id. */
  scan(url: string): Promise<number>;
  /** Requests of one phone, or of all. */
  rings(authyId?: number): Promise<Ring[]>;
  answer(uuid: string, action: "approve" | "deny"): Promise<void>;
  code(authyId: number): Promise<string>;
}

/** @param url - The sandbox's address. */
export function openPhone(url: string): Phone {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(url + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    if (!response.ok) throw new Error(`the sandbox answered ${response.status} to ${method} ${path}`);
    return response.json();
  };
  return {
    scan: async (text) => ((await call("POST", "/phone/scan", { url: text })) as { authy_id: number }).authy_id,
    async rings(authyId) {
      const { requests } = (await call("GET", "/phone/requests")) as { requests: Ring[] };
      return authyId === undefined ? requests : requests.filter((each) => each.authy_id === authyId);
    },
    async answer(uuid, action) {
      await call("POST", `/phone/requests/${uuid}`, { action });
    },
    code: async (authyId) => ((await call("GET", `/phone/code/${authyId}`)) as { code: string }).code,
  };
}

/** A registration token as only the application can make it: for phones that are enrolled without a page. */
export function registrationUrl(apiKey: string, appName: string, appId: string): string {
  const now = Math.floor(Date.now() / 1000);
  const context = { custom_user_id: randomUUID(), authy_app_id: appId };
  return `authy://account?token=${jwt.sign({ iss: appName, iat: now, exp: now + 300, context }, apiKey)}`;
}

/** A callback as Authy sends it. */
export interface SignedRequest {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Signs a callback's body as Authy does. */
export function signCallback(
  body: Record<string, Json>,
  { key, url, nonce = randomUUID() }: { key: string; url: string; nonce?: string },
): SignedRequest {
  const text = `${nonce}|POST|${url}|${canonicalParams(body)}`;
  return {
    headers: {
      "content-type": "application/json",
      "x-authy-signature": createHmac("sha256", key).update(text).digest("base64"),
      "x-authy-signature-nonce": nonce,
    },
    body: JSON.stringify(body),
  };
}

/** The body of a callback about one request. */
export function callbackBody(uuid: string, authyId: string | number, status: string): Record<string, Json> {
  return {
    authy_id: Number(authyId),
    device_uuid: 5120771,
    callback_action: "approval_request_status",
    uuid,
    status,
    approval_request: {
      transaction: {
        details: { Account: "ada" },
        device_details: {},
        device_signing_time: Math.floor(Date.now() / 1000),
        hidden_details: null,
        message: "Sign in?",
        status,
        uuid,
      },
      expiration_timestamp: Math.floor(Date.now() / 1000) + 100,
      app_id: "62973f0000aa11bb22cc33dd",
    },
    signature: "QUJDREVGR0g=",
  };
}
