import { type Attempt } from "./attempt.js";
import { failureLimits } from "./check-password.js";
import { type Deps } from "./deps.js";
import { codeBucket } from "./note-success.js";
import { hashRecoveryCode, looksLikeRecoveryCode } from "./recovery-code.js";
import { cancelPush, isUsable } from "./waiting-attempt.js";

export type CodeResult =
  | { readonly kind: "right"; readonly way: "app code" | "recovery code" }
  | { readonly kind: "wrong" }
  /** Not judged: too many wrong ones before. */
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "over" };

/**
 * The other ways in: the code of the Authy app, which Authy itself judges, or a recovery code. One counter for both,
 * shared with match codes and strangers' passwords, counted before anything is judged.
 *
 * @throws ProviderUnavailable and its kin when an app code cannot be judged now; recovery codes need no Authy.
 */
export async function verifyCode(deps: Deps, attempt: Attempt, typed: string): Promise<CodeResult> {
  const subscriber = await deps.subscribers.find(attempt.subscriberId);
  if (subscriber === null || !isUsable(attempt, subscriber, deps.now())) return { kind: "over" };
  const isRecoveryCode = looksLikeRecoveryCode(typed);
  const digits = typed.normalize("NFKC").replace(/[\s-]/g, "");
  if (!isRecoveryCode && !/^\d{6,8}$/.test(digits)) return { kind: "wrong" };

  const bucket = codeBucket(subscriber.usernameKey, attempt);
  const wait = await deps.failures.take(bucket, deps.now(), failureLimits(deps.settings));
  if (wait !== null) return { kind: "wait", seconds: wait };
  const isRight = isRecoveryCode
    ? await deps.recoveryCodes.spend(subscriber.id, hashRecoveryCode(typed), deps.now())
    : await verifyAppCode(deps, subscriber.id, digits);
  if (!isRight) return { kind: "wrong" };

  // The attempt's one success: a second request with another right code finds it finished.
  if (attempt.purpose === "sign-in" && !(await deps.attempts.finish(attempt.id))) return { kind: "over" };
  await deps.failures.clear(bucket);
  await cancelPush(deps, attempt);
  if (isRecoveryCode)
    await deps.audit.record({
      subscriberId: subscriber.id,
      kind: "recovery-code-used",
      at: deps.now(),
      address: attempt.address,
      browserLabel: attempt.browserLabel,
      detail: attempt.purpose,
    });
  return { kind: "right", way: isRecoveryCode ? "recovery code" : "app code" };
}

async function verifyAppCode(
  deps: Pick<Deps, "factors" | "provider">,
  subscriberId: string,
  code: string,
): Promise<boolean> {
  const factor = await deps.factors.findActive(subscriberId);
  return factor !== null && (await deps.provider.verifyCode(factor.providerId, code));
}
