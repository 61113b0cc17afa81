import { randomBytes, randomUUID } from "node:crypto";
import { AuthyError, invalidParameter } from "./authy-error.js";
import type { Params, Value } from "./bracketed-form.js";
import type { Sandbox } from "./sandbox.js";
import type { ApprovalRequest, Logo, Phone } from "./state.js";

export type ApprovalStatus = "pending" | "approved" | "denied" | "expired";

const MAX_MESSAGE = 144;
const MAX_DETAIL_NAME = 20;
const MAX_DETAIL = 200;
const MAX_LOGO_URL = 500;
const DEFAULT_SECONDS = 86_400;
const MAX_SECONDS = 2_147_483_647;
const KEPT_REQUESTS = 1_000;
const RESOLUTIONS = ["default", "low", "med", "high"];

/**
 * Sends an approval request to a phone.
 *
 * @throws AuthyError 60004 for a parameter outside Authy's limits, 60051 when the phone has no Authy app.
 * @see https://www.twilio.com/docs/authy/api/push-authentications
 */
export function createApprovalRequest(sandbox: Sandbox, phone: Phone, params: Params): ApprovalRequest {
  const request: ApprovalRequest = {
    uuid: randomUUID(),
    id: randomBytes(12).toString("hex"),
    authyId: phone.authyId,
    message: messageOf(params["message"]),
    details: flatMap("details", params["details"], MAX_DETAIL_NAME),
    hiddenDetails: flatMap("hidden_details", params["hidden_details"], MAX_DETAIL),
    logos: logosOf(params["logos"]),
    secondsToExpire: secondsOf(params["seconds_to_expire"]),
    createdAt: sandbox.now(),
    answer: null,
    answeredAt: null,
  };
  if (!phone.installed) throw new AuthyError(400, 60051, "No device found for this user");
  sandbox.state.requests = [...sandbox.state.requests, request].slice(-KEPT_REQUESTS);
  return request;
}

/** The request with this uuid. @throws AuthyError 60049 */
export function approvalRequest(sandbox: Sandbox, uuid: string): ApprovalRequest {
  const request = sandbox.state.requests.find((request) => request.uuid === uuid);
  if (!request) throw new AuthyError(404, 60049, `Approval request not found: ${uuid}`, {}, true);
  return request;
}

/** When the request runs out, in milliseconds since 1970; null: never. */
export function expiresAt(request: ApprovalRequest): number | null {
  return request.secondsToExpire === 0 ? null : request.createdAt + request.secondsToExpire * 1000;
}

/** The status that Authy would report for the request now. */
export function statusOf(request: ApprovalRequest, now: number): ApprovalStatus {
  const end = expiresAt(request);
  return request.answer ?? (end !== null && now >= end ? "expired" : "pending");
}

function messageOf(value: Value | undefined): string {
  const message = scalarText(value);
  if (message === null || message.trim() === "") throw invalidParameter("Message cannot be blank");
  if (message.length > MAX_MESSAGE) throw invalidParameter(`Message is too long (at most ${MAX_MESSAGE} characters)`);
  return message;
}

function flatMap(name: string, value: Value | undefined, maxName: number): Record<string, string> {
  if (isAbsent(value)) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidParameter(`${name} must be a map of texts`);
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const text = member === null ? "" : scalarText(member);
      if (text === null) throw invalidParameter(`${name} must be flat: ${key.slice(0, 40)} holds more than a text`);
      if (key === "" || key.length > maxName) throw invalidParameter(`${name}: a name has 1 to ${maxName} characters`);
      if (text.length > MAX_DETAIL) throw invalidParameter(`${name}: a value has at most ${MAX_DETAIL} characters`);
      return [key, text];
    }),
  );
}

function logosOf(value: Value | undefined): Logo[] {
  if (isAbsent(value)) return [];
  // Some clients number their lists: logos[0][res]
  const list = Array.isArray(value) ? value : numberedList(value);
  const logos = list.map((logo): Logo => {
    const { res, url } = typeof logo === "object" && logo !== null && !Array.isArray(logo) ? logo : {};
    if (typeof res !== "string" || !RESOLUTIONS.includes(res))
      throw invalidParameter(`logos: res is one of ${RESOLUTIONS.join(", ")}`);
    if (typeof url !== "string" || url.length > MAX_LOGO_URL || !/^https?:\/\//.test(url))
      throw invalidParameter(`logos: url is an address of at most ${MAX_LOGO_URL} characters`);
    return { res, url };
  });
  if (!logos.some((logo) => logo.res === "default")) throw invalidParameter("logos: one with res default is needed");
  return logos;
}

function numberedList(value: Value | undefined): Value[] {
  if (typeof value !== "object" || value === null) throw invalidParameter("logos must be a list");
  const entries = Object.entries(value);
  if (!entries.every(([key]) => /^\d{1,3}$/.test(key))) throw invalidParameter("logos must be a list");
  return entries.sort(([left], [right]) => Number(left) - Number(right)).map(([, logo]) => logo);
}

function secondsOf(value: Value | undefined): number {
  if (value === undefined || value === null || value === "") return DEFAULT_SECONDS;
  const seconds =
    typeof value === "number" || (typeof value === "string" && /^\d{1,10}$/.test(value)) ? Number(value) : NaN;
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_SECONDS)
    throw invalidParameter("seconds_to_expire must be a whole number of seconds, 0 for never");
  return seconds;
}

/** authy-python sends null, {} and [] for what was not given; forms send an empty text. */
function isAbsent(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function scalarText(value: Value | undefined): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}
