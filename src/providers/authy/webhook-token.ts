import { createSecretKey } from "node:crypto";
import jwt from "jsonwebtoken";
import { z } from "zod";

import type { EventNotice } from "../../domain/receive-callback.js";

const id = z.union([z.string().regex(/^[\w-]{1,64}$/), z.number().int()]).transform(String);

const claims = z.object({
  url: z.string(),
  params: z.object({ events: z.array(z.looseObject({ event: z.string() })).max(1000) }),
});
const registration = z.object({ objects: z.object({ registration: z.object({ s_custom_id: id }) }) });
const response = z.object({ objects: z.object({ onetouch_request: z.object({ s_uuid: id }) }) });

/**
 * Reads a delivery of Authy's webhooks: a JWT (HS256) signed with the webhook's own key, whose claim `url` is ours.
 *
 * @returns the events that may concern us, or null when the token is not to be trusted.
 * @see https://www.twilio.com/docs/authy/api/webhooks
 */
export function readWebhookToken(token: string, signingKey: string, url: string): EventNotice[] | null {
  let payload: unknown;
  try {
    payload = jwt.verify(token, createSecretKey(Buffer.from(signingKey)), { algorithms: ["HS256"] });
  } catch {
    return null;
  }
  const read = claims.safeParse(payload);
  // A good signature over something else is not ours to judge; another URL is somebody else's delivery.
  if (!read.success) return isRecord(payload) && payload["url"] === url ? [] : null;
  return read.data.url === url ? read.data.params.events.flatMap(noticeOf) : null;
}

function noticeOf(event: { event: string }): EventNotice[] {
  if (event.event === "user_registration_completed") {
    const read = registration.safeParse(event);
    return read.success ? [{ kind: "registration", enrolmentId: read.data.objects.registration.s_custom_id }] : [];
  }
  if (event.event === "one_touch_request_responded") {
    const read = response.safeParse(event);
    return read.success ? [{ kind: "approval", providerRef: read.data.objects.onetouch_request.s_uuid }] : [];
  }
  return [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
