import { createSecretKey } from "node:crypto";
import jwt from "jsonwebtoken";
import { z } from "zod";
import { addPhone, PhoneProblem, phoneCalled } from "./phone.js";
import type { Sandbox } from "./sandbox.js";
import type { Phone } from "./state.js";
import { emitEvent } from "./webhook.js";

/** Another clock may be a little ahead; a token from further in the future is a mistake worth showing. */
const IAT_LEEWAY_SECONDS = 60;

const Claims = z.object({
  iss: z.string().min(1).max(200),
  iat: z.number().optional(),
  exp: z.number(),
  context: z.object({
    custom_user_id: z.union([z.string().min(1).max(500), z.int()]).transform(String),
    authy_app_id: z.union([z.string().min(1), z.int()]).transform(String),
  }),
});
type Claims = z.infer<typeof Claims>;

/**
 * The phone scans a registration QR code: the account appears on it, and the application's registration is completed.
 *
 * @param text - The QR code's text: an address with `token=…`, or the token alone.
 * @param phoneName - Name, number or id of the phone that scans; null: a new phone, hence a new authy_id.
 * @throws PhoneProblem when the token belongs to another application or has expired.
 */
export function scan(sandbox: Sandbox, text: string, phoneName: string | null): { phone: Phone; appName: string } {
  const claims = readToken(sandbox, tokenIn(text));
  const phone = phoneName === null ? addPhone(sandbox) : phoneCalled(sandbox, phoneName);
  const { custom_user_id: customUserId, authy_app_id: appId } = claims.context;
  Object.assign(phone, { installed: true, member: true, confirmed: true, seenAt: sandbox.now() });
  const { registrations } = sandbox.state;
  if (!registrations.some((known) => known.customUserId === customUserId && known.authyId === phone.authyId))
    registrations.push({ customUserId, authyId: phone.authyId, appName: claims.iss, completedAt: sandbox.now() });
  sandbox.changed();
  emitEvent(sandbox, "user_registration_completed", {
    registration: { s_authy_id: phone.authyId, s_app_id: wholeNumber(appId), s_custom_id: customUserId },
  });
  return { phone, appName: claims.iss };
}

function tokenIn(text: string): string {
  const trimmed = text.trim();
  return /[?&]token=([^&#\s]+)/.exec(trimmed)?.[1] ?? trimmed;
}

function readToken(sandbox: Sandbox, token: string): Claims {
  const key = createSecretKey(Buffer.from(sandbox.settings.apiKey));
  const now = sandbox.now() / 1000;
  let content: unknown;
  try {
    content = jwt.verify(token, key, { algorithms: ["HS256"], clockTimestamp: Math.floor(now) });
  } catch (cause) {
    if (cause instanceof jwt.TokenExpiredError)
      throw new PhoneProblem(400, "token_expired", "This QR code has run out. Ask for a new one.");
    throw new PhoneProblem(
      400,
      "token_invalid",
      "This QR code belongs to another application: its signature does not match the API key.",
    );
  }
  const claims = Claims.safeParse(content);
  if (!claims.success) {
    const [issue] = claims.error.issues;
    throw new PhoneProblem(
      400,
      "token_incomplete",
      `The QR code's claims are wrong: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
    );
  }
  if ((claims.data.iat ?? 0) > now + IAT_LEEWAY_SECONDS)
    throw new PhoneProblem(400, "token_from_future", "The QR code was made in the future. Compare the clocks.");
  const { appId } = sandbox.settings;
  if (appId !== null && claims.data.context.authy_app_id !== String(appId))
    throw new PhoneProblem(400, "wrong_application", "The QR code names another application (authy_app_id).");
  return claims.data;
}

const wholeNumber = (digits: string): number | string => (/^\d{1,15}$/.test(digits) ? Number(digits) : digits);

/** The authy_id that scanned first under this id; later scans by other phones do not take it over. */
export function registeredAs(sandbox: Sandbox, customUserId: string): number | null {
  return (
    sandbox.state.registrations.find((registration) => registration.customUserId === customUserId)?.authyId ?? null
  );
}
