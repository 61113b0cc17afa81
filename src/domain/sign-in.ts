import type { Attempt } from "./attempt.js";
import type { Challenge } from "./challenge.js";
import type { FactorType } from "./factor.js";

/**
 * What somebody did to sign in, in the words of RFC 8176; `mca` is what the phone approved, `mfa` that there were two
 * factors.
 */
export type Method = "pwd" | "mca" | "otp" | "sms" | "swk" | "pop" | "user" | "mfa";

/** The password alone. */
export const PASSWORD_ALONE: readonly Method[] = ["pwd"];

/** What a spent approval adds: the phone's key signs where the phone is one of our own. */
export function approvalMethods(
  { factorType }: Pick<Challenge, "factorType">,
  { asksMatchCode }: Pick<Attempt, "asksMatchCode">,
): readonly Method[] {
  const signed: readonly Method[] = factorType === "phone" ? ["swk"] : [];
  return ["mca", ...signed, ...(asksMatchCode ? (["otp"] as const) : []), "mfa"];
}

/**
 * What a typed code adds. Nobody says whether a code of Authy came by text message or from its app: one that is typed after
 * a message was sent counts as the message's.
 */
export function codeMethods(type: FactorType | null, { wasTexted }: Pick<Attempt, "wasTexted">): readonly Method[] {
  return type === "authy-push" && wasTexted ? ["sms", "mca", "mfa"] : ["otp", "mfa"];
}

/** What a passkey adds: its key is bound to this site, and its owner has unlocked it. */
export const PASSKEY_METHODS: readonly Method[] = ["pop", "user", "mfa"];

/** Both, each once. */
export function withMethods(before: readonly Method[], added: readonly Method[]): readonly Method[] {
  return [...new Set([...before, ...added])];
}
