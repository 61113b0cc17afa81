import { createSecretKey } from "node:crypto";
import jwt from "jsonwebtoken";
import type { Outgoing } from "./callback.js";
import type { Sandbox } from "./sandbox.js";

/** Event names of the Webhooks API; the last one was seen in the field only. */
export const EVENTS = [
  "account_recovery_approved",
  "account_recovery_canceled",
  "account_recovery_started",
  "custom_message_not_allowed",
  "device_registration_completed",
  "one_touch_request_responded",
  "phone_change_canceled",
  "phone_change_pin_sent",
  "phone_change_requested",
  "phone_verification_code_is_invalid",
  "phone_verification_code_is_valid",
  "phone_verification_failed",
  "phone_verification_not_found",
  "phone_verification_started",
  "suspended_account",
  "token_invalid",
  "token_verified",
  "too_many_code_verifications",
  "too_many_phone_verifications",
  "totp_token_sent",
  "user_added",
  "user_phone_changed",
  "user_removed",
  "user_registration_completed",
] as const;
export type EventName = (typeof EVENTS)[number];

/** Where an event goes: the webhook of the settings, and those that were made through the dashboard API. */
interface Receiver {
  readonly id: string;
  readonly url: string;
  readonly signingKey: string;
}

const SETTINGS_WEBHOOK_ID = "WH_00000000-0000-4000-8000-000000000001";
/** The webhook of the settings gets enrolments only; other events go to webhooks made through the dashboard API. */
const SETTINGS_EVENTS: readonly EventName[] = ["user_registration_completed"];

/** Sends the event to every webhook that asked for events of its name. */
export function emitEvent(sandbox: Sandbox, event: EventName, objects: Record<string, unknown>): void {
  const time = new Date(sandbox.now()).toISOString().replace(/\.\d+Z$/, "Z");
  for (const receiver of receiversOf(sandbox, event)) {
    const claims = { url: receiver.url, params: { webhook_id: receiver.id, events: [{ event, time, objects }] } };
    sandbox.deliveries.send((spoilt) => signedWebhook(sandbox, receiver, claims, spoilt), "webhook");
  }
}

function receiversOf({ settings, state }: Sandbox, event: EventName): Receiver[] {
  const receivers: Receiver[] = state.webhooks.filter((webhook) => webhook.events.includes(event));
  if (settings.webhookUrl !== null && settings.webhookSigningKey !== null && SETTINGS_EVENTS.includes(event))
    receivers.push({ id: SETTINGS_WEBHOOK_ID, url: settings.webhookUrl, signingKey: settings.webhookSigningKey });
  return receivers;
}

/** A delivery: one field `body` that holds a JWT (HS256) of the event. */
function signedWebhook(sandbox: Sandbox, receiver: Receiver, claims: object, spoilt: boolean): Outgoing {
  const body = webhookToken(spoilt ? `${receiver.signingKey}-wrong` : receiver.signingKey, claims);
  const form = sandbox.faults.webhook_encoding === "form";
  return {
    kind: "webhook",
    method: "POST",
    url: receiver.url,
    headers: {
      "user-agent": "AuthySandbox/1.0",
      "content-type": form ? "application/x-www-form-urlencoded" : "application/json",
    },
    body: form ? new URLSearchParams({ body }).toString() : JSON.stringify({ body }),
  };
}

/** The JWT of a delivery. Neither `iat` nor `exp` was ever seen in one, so it has none. */
export function webhookToken(signingKey: string, claims: object): string {
  return jwt.sign(claims, createSecretKey(Buffer.from(signingKey)), { algorithm: "HS256", noTimestamp: true });
}
