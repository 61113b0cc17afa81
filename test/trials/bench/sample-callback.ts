import { createHmac } from "node:crypto";

import { canonicalParams, type Json } from "../../../src/providers/authy/callback-signature.js";

/** A callback as Authy sends it since 2019, for one of our challenges. */
export function sampleCallback(uuid: string, authyId: number, challengeId: string): Record<string, Json> {
  return {
    authy_id: authyId,
    device_uuid: 5120771,
    callback_action: "approval_request_status",
    uuid,
    status: "approved",
    approval_request: {
      transaction: {
        details: { Account: "ada", From: "203.0.113.9", Browser: "Firefox on Linux", Time: "2026-11-24 10:00 UTC" },
        device_details: {},
        device_geolocation: "",
        device_signing_time: 1795514400,
        encrypted: false,
        flagged: false,
        hidden_details: { challenge_id: challengeId },
        message: "Sign in to Acme?",
        reason: "",
        requester_details: null,
        status: "approved",
        uuid,
        created_at_time: 1795514390,
        customer_uuid: 90210,
      },
      expiration_timestamp: 1795514510,
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
      last_sync_date: 1795514300,
      enabled_unlock_methods: ["face", "pin"],
      last_unlock_method_used: "face",
      multidevice_enabled: false,
    },
  };
}

/** The headers that go with it. */
export function signedHeaders(body: Record<string, Json>, url: string, apiKey: string): Record<string, string> {
  const nonce = "1795514401";
  return {
    "content-type": "application/json",
    "x-authy-signature-nonce": nonce,
    "x-authy-signature": createHmac("sha256", apiKey)
      .update(`${nonce}|POST|${url}|${canonicalParams(body)}`)
      .digest("base64"),
  };
}
