import { randomBytes, randomInt } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { AuthyError } from "./authy-error.js";
import type { Sandbox } from "./sandbox.js";
import type { Message, Phone } from "./state.js";

/** A code of the app changes every ten seconds and is accepted for thirty more, as Authy's own app does it. */
export const PERIOD_SECONDS = 10;
const WINDOW_STEPS = 3;
const MESSAGE_LIFE_MS = 10 * 60_000;

const appCode = (phone: Phone): TOTP =>
  new TOTP({ secret: Secret.fromBase32(phone.secret), digits: 7, period: PERIOD_SECONDS });
const genericCode = (secret: string): TOTP => new TOTP({ secret: Secret.fromBase32(secret), digits: 6, period: 30 });

/** The code that the app shows: the current one, or when that is spent the first of the next three that is not. */
export function currentCode(sandbox: Sandbox, phone: Phone): { code: string; endsAt: number } {
  const now = sandbox.now();
  const step = Math.floor(now / 1000 / PERIOD_SECONDS);
  const ahead = Math.max(
    0,
    [0, 1, 2, 3].findIndex((steps) => !phone.spentSteps.includes(`app-${step + steps}`)),
  );
  const code = appCode(phone).generate({ timestamp: now + ahead * PERIOD_SECONDS * 1000 });
  return { code, endsAt: (step + 1) * PERIOD_SECONDS * 1000 };
}

/**
 * Spends a code: one of the app, of a generic authenticator, or out of a message.
 *
 * @throws AuthyError 60020 when it is wrong, 60019 when it was used before.
 */
export function spendCode(sandbox: Sandbox, phone: Phone, code: string): void {
  const found = matchTotp(sandbox, phone, code);
  if (found.length > 0) {
    const unspent = found.find((step) => !phone.spentSteps.includes(step));
    if (unspent === undefined) throw usedBefore();
    phone.spentSteps = [...phone.spentSteps, unspent].slice(-50);
    return;
  }
  const message = sandbox.state.messages.findLast(
    (message) =>
      message.authyId === phone.authyId && message.code === code && sandbox.now() - message.createdAt < MESSAGE_LIFE_MS,
  );
  if (!message) throw new AuthyError(401, 60020, "Token is invalid", { token: "is invalid" });
  if (message.spent) throw usedBefore();
  message.spent = true;
}

const usedBefore = (): AuthyError => new AuthyError(401, 60019, "Token was used before", { token: "is invalid" });

function matchTotp(sandbox: Sandbox, phone: Phone, code: string): string[] {
  const timestamp = sandbox.now();
  const steps: string[] = [];
  const kinds: [string, TOTP | null, number][] = [
    ["app", phone.installed ? appCode(phone) : null, WINDOW_STEPS],
    ["generic", phone.genericSecret === null ? null : genericCode(phone.genericSecret), 1],
  ];
  for (const [name, totp, window] of kinds) {
    if (totp?.digits !== code.length) continue;
    const delta = totp.validate({ token: code, timestamp, window });
    if (delta !== null) steps.push(`${name}-${Math.floor(timestamp / 1000 / totp.period) + delta}`);
  }
  return steps;
}

/** Puts a fresh seven-digit code into a text, a call or a mail to this phone. */
export function sendCode(sandbox: Sandbox, phone: Phone, channel: Message["channel"], note: string | null): Message {
  const account = sandbox.state.registrations.findLast((registration) => registration.authyId === phone.authyId);
  const appName = account?.appName ?? sandbox.settings.appName;
  const code = String(randomInt(0, 10_000_000)).padStart(7, "0");
  const message: Message = {
    id: randomBytes(16).toString("hex"),
    authyId: phone.authyId,
    channel,
    text: `${note === null ? "" : `${note} `}Your ${appName} code is ${code}`,
    code,
    createdAt: sandbox.now(),
    spent: false,
  };
  sandbox.state.messages = [...sandbox.state.messages, message].slice(-1_000);
  return message;
}
