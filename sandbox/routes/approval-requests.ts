import type { Api } from "../api.js";
import { approvalRequest, createApprovalRequest, expiresAt, statusOf } from "../approval-request.js";
import { member } from "../phone.js";
import type { Sandbox } from "../sandbox.js";
import type { ApprovalRequest } from "../state.js";
import { DEFAULT_APP_ID } from "./application.js";

/** Push approval. @see https://www.twilio.com/docs/authy/api/push-authentications */
export function approvalRequestRoutes(sandbox: Sandbox, api: Api): void {
  api.route(
    "approval-create",
    "post",
    "/onetouch/json/users/:id/approval_requests",
    function createRequest(params, { id = "" }) {
      const request = createApprovalRequest(sandbox, member(sandbox, id), params);
      sandbox.changed();
      return { approval_request: { uuid: request.uuid }, success: true };
    },
  );

  api.route(
    "approval-status",
    "get",
    "/onetouch/json/approval_requests/:uuid",
    function requestStatus(_params, { uuid = "" }) {
      return { approval_request: describe(sandbox, approvalRequest(sandbox, uuid)), success: true };
    },
  );
}

function describe(sandbox: Sandbox, request: ApprovalRequest): object {
  const phone = sandbox.state.phones.find((phone) => phone.authyId === request.authyId);
  const status = statusOf(request, sandbox.now());
  const processedAt = status === "expired" ? expiresAt(request) : request.answeredAt;
  return {
    _app_name: sandbox.settings.appName,
    _app_serial_id: sandbox.settings.appId ?? DEFAULT_APP_ID,
    _authy_id: request.authyId,
    _id: request.id,
    _user_email: phone?.email ?? "gone@sandbox.example",
    app_id: sandbox.state.applicationId,
    created_at: wholeSeconds(request.createdAt),
    notified: false,
    processed_at: processedAt === null ? null : wholeSeconds(processedAt),
    seconds_to_expire: request.secondsToExpire,
    status,
    updated_at: wholeSeconds(processedAt ?? request.createdAt),
    user_id: phone?.userId ?? "0".repeat(24),
    uuid: request.uuid,
  };
}

const wholeSeconds = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
