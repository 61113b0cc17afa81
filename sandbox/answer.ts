import { statusOf, type ApprovalStatus } from "./approval-request.js";
import { callbackPayload, signedCallback } from "./callback.js";
import { PhoneProblem } from "./phone.js";
import type { Sandbox } from "./sandbox.js";
import { emitEvent } from "./webhook.js";

/**
 * Records the tap on Approve or Deny and sends the callback to the application.
 *
 * @throws PhoneProblem 404 for an unknown request, 409 for one that is no longer pending.
 */
export function answerRequest(sandbox: Sandbox, uuid: string, action: "approve" | "deny"): ApprovalStatus {
  const request = sandbox.state.requests.find((request) => request.uuid === uuid);
  const phone = sandbox.state.phones.find((phone) => phone.authyId === request?.authyId);
  if (!request || !phone) throw new PhoneProblem(404, "unknown_request", "There is no such request on any phone.");
  const status = statusOf(request, sandbox.now());
  if (status !== "pending") throw new PhoneProblem(409, "not_pending", `This request is ${status} already.`);
  request.answer = action === "approve" ? "approved" : "denied";
  request.answeredAt = sandbox.now();
  phone.seenAt = sandbox.now();
  sandbox.changed();
  const payload = callbackPayload(sandbox, request, phone);
  sandbox.deliveries.send((spoilt) => signedCallback(sandbox, payload, spoilt), "onetouch");
  emitEvent(sandbox, "one_touch_request_responded", {
    user: { s_authy_id: phone.authyId },
    onetouch_request: { s_uuid: request.uuid, s_status: request.answer, i_seconds_to_expire: request.secondsToExpire },
  });
  return request.answer;
}
