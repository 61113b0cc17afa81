import { createHmac, randomUUID } from "node:crypto";
import jwt from "jsonwebtoken";

import { canonicalParams, type Json } from "../../src/providers/authy/callback-signature.js";

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

/** The body of a callback about one approval request, as Authy sends it since 2019. */
export function callbackBody(uuid: string, authyId: string | number, status: string): Record<string, Json> {
  const now = Math.floor(Date.now() / 1000);
  return {
    authy_id: Number(authyId),
    device_uuid: 5120771,
    callback_action: "approval_request_status",
    uuid,
    status,
    approval_request: {
      transaction: {
        details: { Account: "ada", From: "203.0.113.9", Browser: "Firefox on Linux", Time: "2026-11-24 10:00 UTC" },
        device_details: {},
        device_geolocation: "",
        device_signing_time: now,
        encrypted: false,
        flagged: false,
        hidden_details: null,
        message: "Sign in?",
        reason: "",
        requester_details: null,
        status,
        uuid,
        created_at_time: now - 10,
        customer_uuid: 90210,
      },
      expiration_timestamp: now + 100,
      logos: null,
      app_id: "62973f0000aa11bb22cc33dd",
    },
    signature: "QUJD".repeat(86),
    device: {
      id: 5120771,
      os_type: "android",
      ip: "203.0.113.45",
      city: "Nairobi",
      country: "Kenya",
      region: null,
      registration_method: "push",
      registration_date: 1654041600,
      last_sync_date: now - 100,
      enabled_unlock_methods: ["face", "pin"],
      last_unlock_method_used: "face",
      multidevice_enabled: false,
    },
  };
}
