import { Secret, TOTP } from "otpauth";
import type { Api } from "../api.js";
import { AuthyError, invalidParameter } from "../authy-error.js";
import { textParam } from "../body.js";
import type { Params } from "../bracketed-form.js";
import { addPhone, maskedNumber, member } from "../phone.js";
import type { QrPictures } from "../qr-pictures.js";
import type { Sandbox } from "../sandbox.js";
import type { Phone } from "../state.js";
import { emitEvent } from "../webhook.js";

const ACTIVITIES = ["password_reset", "banned", "unbanned", "cookie_login"];
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** Users of the application: made, looked at, changed, removed. @see https://www.twilio.com/docs/authy/api/users */
export function userRoutes(sandbox: Sandbox, api: Api, pictures: QrPictures): void {
  api.route("users-new", "post", "/protected/json/users/new", function createUser(params) {
    const given = userOf(params);
    const phone =
      sandbox.state.phones.find((phone) => phone.number === given.number && phone.countryCode === given.countryCode) ??
      addPhone(sandbox, given);
    const isNew = !phone.member;
    Object.assign(phone, { member: true, email: given.email });
    sandbox.changed();
    if (isNew) emitEvent(sandbox, "user_added", { user: { s_authy_id: phone.authyId } });
    return { message: "User created successfully.", user: { id: phone.authyId }, success: true };
  });

  api.route("users-status", "get", "/protected/json/users/:id/status", function userStatus(_params, { id = "" }) {
    return { status: statusOf(member(sandbox, id)), message: "User status.", success: true };
  });

  const removals = [
    "/protected/json/users/:id/remove",
    "/protected/json/users/:id/delete",
    "/protected/json/users/delete/:id",
  ];
  api.route("users-remove", "post", removals, function removeUser(_params, { id = "" }) {
    const phone = member(sandbox, id);
    Object.assign(phone, { member: false, confirmed: false });
    sandbox.changed();
    emitEvent(sandbox, "user_removed", { user: { s_authy_id: phone.authyId } });
    return { message: "User removed from application", success: true };
  });

  api.route("users-update", "post", "/protected/json/users/:id/update", function updateUser(params, { id = "" }) {
    const phone = member(sandbox, id);
    const email = textParam(params, "email");
    if (email === null || !EMAIL.test(email))
      throw new AuthyError(400, 60038, "Email is invalid", { email: "is invalid" });
    phone.email = email;
    sandbox.changed();
    return { message: "User was updated successfully", success: true };
  });

  api.route(
    "users-secret",
    "post",
    "/protected/json/users/:id/secret",
    function createSecret(params, { id = "" }, ctx) {
      const phone = member(sandbox, id);
      const label = textParam(params, "label") ?? phone.email;
      const size = Number(textParam(params, "qr_size") ?? 300);
      if (!Number.isInteger(size) || size < 50 || size > 1_000)
        throw invalidParameter("qr_size is a whole number from 50 to 1000");
      if (label.length > 200) throw invalidParameter("label has at most 200 characters");
      phone.genericSecret = new Secret({ size: 20 }).base32;
      sandbox.changed();
      const issuer = sandbox.settings.appName;
      const uri = new TOTP({ secret: phone.genericSecret, issuer, label, digits: 6, period: 30 }).toString();
      return { label, issuer, qr_code: `http://${ctx.host}${pictures.add(uri, size)}`, success: true };
    },
  );

  api.route(
    "users-activity",
    "post",
    "/protected/json/users/:id/register_activity",
    function registerActivity(params, { id = "" }) {
      member(sandbox, id);
      if (!ACTIVITIES.includes(textParam(params, "type") ?? ""))
        throw new AuthyError(400, 60029, "Activity was not created", { type: `is none of ${ACTIVITIES.join(", ")}` });
      return { message: "Activity was created.", success: true };
    },
  );

  api.route(
    "sdk-device-remove",
    "delete",
    "/protected/json/sdk/devices/:id",
    function removeDevice(_params, { id = "" }) {
      const phone = sandbox.state.phones.find((phone) => phone.installed && String(phone.deviceId) === id);
      if (!phone) throw new AuthyError(404, 60092, "Device not found");
      phone.installed = false;
      sandbox.changed();
      return { success: true };
    },
  );
}

function userOf(params: Params): Pick<Phone, "email" | "number" | "countryCode"> {
  const { user } = params;
  const fields: Params = typeof user === "object" && user !== null && !Array.isArray(user) ? user : {};
  const email = textParam(fields, "email") ?? "";
  const number = (textParam(fields, "cellphone") ?? "").replace(/[\s().-]/g, "");
  const countryCode = (textParam(fields, "country_code") ?? "1").replace(/^\+/, "");
  const wrong: Record<string, string> = {
    ...(EMAIL.test(email) && email.length <= 254 ? {} : { email: "is invalid" }),
    ...(/^\d{5,14}$/.test(number) ? {} : { cellphone: "is invalid" }),
    ...(/^[1-9]\d{0,3}$/.test(countryCode) ? {} : { country_code: "is not supported" }),
  };
  if (Object.keys(wrong).length > 0) throw new AuthyError(400, 60027, "User was not valid", wrong);
  return { email, number, countryCode };
}

function statusOf(phone: Phone): object {
  return {
    authy_id: phone.authyId,
    confirmed: phone.confirmed,
    registered: phone.installed,
    country_code: Number(phone.countryCode),
    phone_number: maskedNumber(phone),
    email: phone.email,
    devices: phone.installed ? ["android"] : [],
    has_hard_token: false,
    account_disabled: false,
    detailed_devices: phone.installed ? [detailedDevice(phone)] : [],
    deleted_devices: [],
  };
}

function detailedDevice(phone: Phone): object {
  return {
    device_type: "authy",
    os_type: "android",
    registration_device_id: null,
    registration_method: "push",
    device_id: phone.deviceId,
    last_sync_date: Math.floor(phone.seenAt / 1000),
    creation_date: Math.floor(phone.createdAt / 1000),
  };
}
