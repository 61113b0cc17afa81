import { randomBytes } from "node:crypto";
import type { Api } from "../api.js";
import { AuthyError, invalidParameter } from "../authy-error.js";
import { textParam } from "../body.js";
import type { Params } from "../bracketed-form.js";
import { deviceOf } from "../callback.js";
import { sendCode, spendCode } from "../code.js";
import { countCall } from "../month.js";
import { member } from "../phone.js";
import type { Sandbox } from "../sandbox.js";
import type { Phone } from "../state.js";
import { emitEvent } from "../webhook.js";

const MAX_ACTION_MESSAGE = 255;

/** Codes: asked for and verified. @see https://www.twilio.com/docs/authy/api/one-time-passwords */
export function tokenRoutes(sandbox: Sandbox, api: Api): void {
  api.route("verify", "get", "/protected/json/verify/:token/:id", function verify(params, { token = "", id = "" }) {
    const phone = member(sandbox, id);
    const letIn = !phone.installed && !phone.confirmed && textParam(params, "force") !== "true";
    // Without force=true Authy accepts any code of a user who never finished registering
    if (!letIn) spend(sandbox, phone, token);
    countCall(sandbox, "auths");
    return { message: "Token is valid.", token: "is valid", success: "true", device: deviceOf(phone) };
  });

  api.route("sms", "get", "/protected/json/sms/:id", function sendSms(params, { id = "" }) {
    return sendOrIgnore(sandbox, member(sandbox, id), params, "sms");
  });

  api.route("call", "get", "/protected/json/call/:id", function startCall(params, { id = "" }) {
    return sendOrIgnore(sandbox, member(sandbox, id), params, "call");
  });

  api.route("email", "post", "/protected/json/email/:id", function sendEmail(_params, { id = "" }) {
    const phone = member(sandbox, id);
    sendCode(sandbox, phone, "email", null);
    sandbox.changed();
    return {
      message: "Email token was sent",
      email: phone.email,
      email_id: `EM${randomBytes(16).toString("hex")}`,
      success: true,
    };
  });
}

function spend(sandbox: Sandbox, phone: Phone, token: string): void {
  try {
    spendCode(sandbox, phone, token);
  } catch (refusal) {
    if (refusal instanceof AuthyError) emitEvent(sandbox, "token_invalid", { user: { s_authy_id: phone.authyId } });
    throw refusal;
  }
  phone.confirmed = true;
  sandbox.changed();
  emitEvent(sandbox, "token_verified", { user: { s_authy_id: phone.authyId } });
}

function sendOrIgnore(sandbox: Sandbox, phone: Phone, params: Params, channel: "sms" | "call"): object {
  const note = textParam(params, "action_message");
  if (note !== null && note.length > MAX_ACTION_MESSAGE)
    throw invalidParameter(`action_message has at most ${MAX_ACTION_MESSAGE} characters`);
  const cellphone = `+${phone.countryCode}-XXX-XXX-XX${phone.number.slice(-2)}`;
  if (phone.installed && textParam(params, "force") !== "true") {
    const what = channel === "sms" ? "SMS" : "Call";
    const message = `Ignored: ${what} is not needed for smartphones. Pass force=true if you want to actually send it anyway.`;
    return { message, cellphone, device: "android", ignored: true, success: true };
  }
  sendCode(sandbox, phone, channel, note);
  countCall(sandbox, channel === "sms" ? "sms" : "calls");
  return { message: channel === "sms" ? "SMS token was sent" : "Call started...", cellphone, success: true };
}
