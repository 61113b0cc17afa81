import { z } from "zod";

import { ProviderRefused, ProviderUnavailable, ProviderUnconfirmed } from "../../domain/errors.js";
import type { ApprovalState, FactorProvider, Push } from "../../domain/factor-provider.js";
import type { AuthyAnswer, AuthyClient } from "./client.js";
import { type AuthyApplication, registrationToken } from "./registration-token.js";

const authyId = z.union([z.number().int().positive(), z.string().regex(/^\d{1,18}$/)]).transform(String);
const created = z.object({ approval_request: z.object({ uuid: z.string().regex(/^[\w-]{8,64}$/) }) });
const approval = z.object({
  approval_request: z.object({ status: z.string(), uuid: z.string().optional(), _authy_id: authyId.optional() }),
});
const registration = z.object({ registration: z.object({ status: z.string(), authy_id: z.unknown().optional() }) });

/** A wrong or used token, as against a wrong key: both come with 401. */
const WRONG_TOKEN = new Set(["60019", "60020"]);

/**
 * Authy's approval requests, registrations and codes, as the rules ask for them. Odd answers fail closed: what is not
 * understood is neither yes nor no.
 *
 * @param application - `qrPrefix` stands before the token in the QR code.
 * @see https://www.twilio.com/docs/authy/api
 */
export function authyProvider(call: AuthyClient, application: AuthyApplication & { qrPrefix: string }): FactorProvider {
  return {
    asks: {
      async send([factor], push) {
        const id = factor?.providerId ?? "";
        const answer = await call("POST", `onetouch/json/users/${encodeURIComponent(id)}/approval_requests`, {
          json: approvalRequest(push),
        });
        refuseFailure(answer, "approval request");
        const read = created.safeParse(answer.body);
        if (!read.success) throw new ProviderUnconfirmed("Authy named no approval request");
        return { ref: read.data.approval_request.uuid, reach: "ringing" };
      },
      async state(uuid, { providerId: id }, signal) {
        const answer = await call("GET", `onetouch/json/approval_requests/${encodeURIComponent(uuid)}`, { signal });
        const read = answer.isSuccess ? approval.safeParse(answer.body) : null;
        if (!read?.success) return "unknown";
        const { status, _authy_id: of, uuid: named } = read.data.approval_request;
        if ((of !== undefined && of !== id) || (named !== undefined && named !== uuid)) return "unknown";
        return isApprovalState(status) ? status : "unknown";
      },
    },
    judges: {
      async verifyCode({ providerId: id }, code) {
        const path = `protected/json/verify/${encodeURIComponent(code)}/${encodeURIComponent(id)}`;
        const answer = await call("GET", path, { query: { force: "true" } });
        if (answer.isSuccess) return answer.body["token"] === "is valid" ? {} : null;
        if (WRONG_TOKEN.has(answer.errorCode)) return null;
        throw new ProviderRefused(`Authy could not verify the code (${answer.status} ${answer.errorCode})`);
      },
      async sendTextMessage({ providerId: id }) {
        const path = `protected/json/sms/${encodeURIComponent(id)}`;
        refuseFailure(await call("GET", path, { query: { force: "true" } }), "text message");
      },
    },
    enrols: {
      show: (enrolment) =>
        Promise.resolve({ qrText: application.qrPrefix + registrationToken(enrolment, application), typed: null }),
      async state(enrolmentId, signal) {
        const query = { custom_user_id: enrolmentId };
        const answer = await call("GET", "protected/json/registrations/status", { query, signal });
        if (answer.status === 404) return { state: "pending" };
        refuseFailure(answer, "registration status");
        const read = registration.safeParse(answer.body);
        if (!read.success) throw new ProviderUnavailable("Authy's registration status is not understood");
        const { status, authy_id: of } = read.data.registration;
        if (status === "pending") return { state: "pending" };
        const id = authyId.safeParse(of);
        return status === "completed" && id.success ? { state: "completed", providerId: id.data } : { state: "failed" };
      },
    },
    async remove({ providerId: id }) {
      const answer = await call("POST", `protected/json/users/${encodeURIComponent(id)}/remove`);
      if (answer.errorCode === "60026") return; // gone already
      refuseFailure(answer, "removal");
    },
  };
}

function approvalRequest(push: Push): Record<string, unknown> {
  return {
    message: push.message,
    details: push.details,
    hidden_details: { challenge_id: push.challengeId },
    seconds_to_expire: push.secondsToExpire,
  };
}

function refuseFailure(answer: AuthyAnswer, what: string): void {
  if (!answer.isSuccess) throw new ProviderRefused(`${what}: Authy answered ${answer.status} ${answer.errorCode}`);
}

function isApprovalState(status: string): status is Exclude<ApprovalState, "unknown"> {
  return ["pending", "approved", "denied", "expired"].includes(status);
}
