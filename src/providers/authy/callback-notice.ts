import { createHash } from "node:crypto";
import { z } from "zod";

import type { CallbackNotice } from "../../domain/receive-callback.js";
import type { Json } from "./callback-signature.js";

/** Strict only now that the signature is known to be good: it cannot tell 1 from "1", or null from "". */
const callback = z.object({
  callback_action: z.literal("approval_request_status"),
  uuid: z.string().regex(/^[\w-]{8,64}$/),
  status: z.enum(["approved", "denied", "expired"]),
  authy_id: z.union([z.number().int().positive(), z.string().regex(/^\d{1,18}$/)]).transform(String),
  approval_request: z
    .object({
      transaction: z.object({
        hidden_details: z
          .object({ challenge_id: z.string().regex(/^[\w-]{1,64}$/) })
          .optional()
          .catch(undefined),
        device_signing_time: z.number().int().positive().optional().catch(undefined),
      }),
    })
    .optional()
    .catch(undefined),
});

/** With the time at which the phone signed, by its own clock and in whole seconds; null where Authy does not say. */
export interface AuthyNotice extends CallbackNotice {
  readonly answeredAt: Date | null;
}

/** What a callback with a good signature says; null when it is not about an approval request, and changes nothing. */
export function callbackNotice(body: Record<string, Json>, signature: string): AuthyNotice | null {
  const read = callback.safeParse(body);
  if (!read.success) return null;
  const { uuid, status, authy_id: authyId, approval_request: request } = read.data;
  const signedAt = request?.transaction.device_signing_time;
  return {
    signatureHash: createHash("sha256").update(signature).digest("base64url"),
    providerRef: uuid,
    providerId: authyId,
    status,
    challengeId: request?.transaction.hidden_details?.challenge_id ?? null,
    answeredAt: signedAt === undefined ? null : new Date(signedAt * 1000),
  };
}
