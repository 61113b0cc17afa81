import { randomBytes } from "node:crypto";
import { expiresAt } from "./approval-request.js";
import type { Sandbox } from "./sandbox.js";
import { flatPairs, querySignature, signature } from "./signature.js";
import type { ApprovalRequest, Phone } from "./state.js";

/** One HTTP request that the sandbox sends, ready to be sent again byte by byte. */
export interface Outgoing {
  readonly kind: "onetouch" | "webhook";
  readonly method: "POST" | "GET";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** The body of a callback, in the shape that Authy has sent since 2019. */
export function callbackPayload(sandbox: Sandbox, request: ApprovalRequest, phone: Phone): Record<string, unknown> {
  const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);
  const answeredAt = seconds(request.answeredAt ?? sandbox.now());
  const end = expiresAt(request);
  return {
    authy_id: request.authyId,
    device_uuid: phone.deviceId,
    callback_action: "approval_request_status",
    uuid: request.uuid,
    status: request.answer,
    approval_request: {
      transaction: {
        details: orNull(request.details),
        device_details: {},
        device_geolocation: "",
        device_signing_time: answeredAt,
        encrypted: false,
        flagged: false,
        hidden_details: orNull(request.hiddenDetails),
        message: request.message,
        reason: "",
        requester_details: null,
        status: request.answer,
        uuid: request.uuid,
        created_at_time: seconds(request.createdAt),
        customer_uuid: 90_210,
      },
      expiration_timestamp: end === null ? 0 : seconds(end),
      logos: request.logos.length === 0 ? null : request.logos,
      app_id: sandbox.state.applicationId,
    },
    // The device's own RSA signature cannot be had without the app; its shape is kept, its content is random.
    signature: randomBytes(256).toString("base64"),
    device: {
      ...deviceOf(phone),
      last_account_recovery_at: null,
      enabled_unlock_methods: ["biometrics", "pin"], // in this order a GET is signed the same by every known rule
      last_unlock_method_used: "biometrics",
      last_unlock_date: answeredAt,
      multidevice_enabled: false,
      multidevice_updated_at: seconds(phone.createdAt),
    },
  };
}

/** What Authy tells of a device, as in callbacks and in the answer to a right code. Times are whole seconds. */
export function deviceOf(phone: Phone): Record<string, unknown> {
  return {
    id: phone.deviceId,
    os_type: "android",
    ip: "127.0.0.1",
    city: null,
    region: null,
    country: null,
    registration_ip: "127.0.0.1",
    registration_city: null,
    registration_region: null,
    registration_country: null,
    registration_method: "push",
    registration_date: Math.floor(phone.createdAt / 1000),
    last_sync_date: Math.floor(phone.seenAt / 1000),
  };
}

/**
 * A callback, signed for the callback URL.
 *
 * @param spoilt - The signature is made with another key.
 */
export function signedCallback(sandbox: Sandbox, payload: unknown, spoilt: boolean): Outgoing | null {
  const { apiKey, callbackUrl } = sandbox.settings;
  if (callbackUrl === null) return null;
  const method = sandbox.faults.callback_method ?? sandbox.settings.callbackMethod;
  const key = spoilt ? `${apiKey}-wrong` : apiKey;
  const nonce = String(Math.floor(sandbox.now() / 1000));
  const [signedUrl = callbackUrl] = callbackUrl.split(/[?#]/);
  if (method === "POST") {
    const signed = signature(key, nonce, "POST", signedUrl, payload);
    return {
      kind: "onetouch",
      method,
      url: callbackUrl,
      headers: headers(nonce, signed, "application/json"),
      body: JSON.stringify(payload),
    };
  }
  const query = new URLSearchParams(flatPairs(payload)).toString();
  const signed = querySignature(key, nonce, signedUrl, query);
  return { kind: "onetouch", method, url: `${signedUrl}?${query}`, headers: headers(nonce, signed, null), body: null };
}

function headers(nonce: string, signed: string, contentType: string | null): Record<string, string> {
  return {
    "x-authy-signature": signed,
    "x-authy-signature-nonce": nonce,
    "user-agent": "AuthySandbox/1.0",
    ...(contentType === null ? {} : { "content-type": contentType }),
  };
}

const orNull = (map: Record<string, string>): Record<string, string> | null =>
  Object.keys(map).length === 0 ? null : map;
