import { type Attempt, takesCodes } from "./attempt.js";
import { type Deps } from "./deps.js";
import { codeBucket } from "./failures.js";
import { type Proof } from "./finish-attempt.js";
import { hashRecoveryCode, looksLikeRecoveryCode } from "./recovery-code.js";
import { appCodeIn } from "./typed-code.js";
import { isUsable } from "./waiting-attempt.js";

export type JudgedCode =
  /** `proof` is null where the attempt's proof was spent before. */
  | { readonly kind: "right"; readonly proof: Proof | null }
  | { readonly kind: "wrong" }
  /** Not judged: too many wrong ones before. */
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "over" };

/**
 * The other ways in: the code of an app, which its provider judges, or a recovery code. One counter for both,
 * shared with match codes and the passwords of unknown browsers, counted before anything is judged.
 *
 * @throws ProviderUnavailable and its kin when an app code cannot be judged now; recovery codes need no provider.
 */
export async function judgeCode(deps: Deps, attempt: Attempt, typed: string): Promise<JudgedCode> {
  if (attempt.state !== "open") return { kind: "right", proof: null };
  const subscriber = await deps.subscribers.find(attempt.subscriberId);
  if (subscriber === null || !takesCodes(attempt.purpose)) return { kind: "over" };
  if (!isUsable(attempt, subscriber, deps.now())) return { kind: "over" };
  const isRecoveryCode = looksLikeRecoveryCode(typed);
  const digits = appCodeIn(typed);
  // What cannot be a code costs no try.
  if (!isRecoveryCode && digits === null) return { kind: "wrong" };

  const bucket = codeBucket(subscriber.usernameKey, attempt);
  const wait = await deps.failures.take(bucket, deps.now(), deps.settings);
  if (wait !== null) return { kind: "wait", seconds: wait };
  if (isRecoveryCode) {
    const codeHash = hashRecoveryCode(typed);
    const isLeft = await deps.recoveryCodes.isLeft(subscriber.id, codeHash);
    return isLeft ? { kind: "right", proof: { kind: "recovery code", codeHash } } : { kind: "wrong" };
  }
  const proof = digits === null ? null : await proofOf(deps, subscriber.id, digits);
  return proof === null ? { kind: "wrong" } : { kind: "right", proof };
}

/** Asks each of the account's factors whose code it is; those that need nobody else come first. */
async function proofOf(
  { factors, providers }: Pick<Deps, "factors" | "providers">,
  subscriberId: string,
  digits: string,
): Promise<Proof | null> {
  const judged = (await factors.listActive(subscriberId)).toSorted(
    (one, other) => Number(providers[one.type]?.asks !== undefined) - Number(providers[other.type]?.asks !== undefined),
  );
  for (const factor of judged) {
    const right = (await providers[factor.type]?.judges?.verifyCode(factor, digits)) ?? null;
    if (right !== null) return { kind: "app code", factorId: factor.id, factorType: factor.type, ...right };
  }
  return null;
}
