import { type Attempt, takesCodes } from "./attempt.js";
import type { Deps, SignInWay } from "./deps.js";
import type { Factor } from "./factor.js";
import type { Providers } from "./factor-provider.js";
import { codeBucket } from "./failures.js";
import type { Proof } from "./finish-attempt.js";
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
    if (isLeft) return { kind: "right", proof: { kind: "recovery code", codeHash } };
    return countedWrong(deps, attempt, "recovery-code");
  }
  const judging = judgingFactors(await deps.factors.listActive(subscriber.id), deps.providers);
  for (const factor of digits === null ? [] : judging) {
    const right = (await deps.providers[factor.type]?.judges?.verifyCode(factor, digits ?? "")) ?? null;
    if (right !== null)
      return { kind: "right", proof: { kind: "app code", factorId: factor.id, factorType: factor.type, ...right } };
  }
  return countedWrong(deps, attempt, judging[0]?.type ?? "totp");
}

/** Those whose code it may be; the ones that need nobody else to say so come first. */
function judgingFactors(factors: readonly Factor[], providers: Providers): Factor[] {
  const asks = ({ type }: Factor): number => Number(providers[type]?.asks !== undefined);
  return factors
    .filter(({ type }) => providers[type]?.judges !== undefined)
    .toSorted((one, other) => asks(one) - asks(other));
}

function countedWrong({ tally }: Pick<Deps, "tally">, { purpose }: Attempt, way: SignInWay): JudgedCode {
  if (purpose === "sign-in") tally.signIn(way, "wrong-code");
  return { kind: "wrong" };
}
