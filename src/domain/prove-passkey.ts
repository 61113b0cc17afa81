import { type Attempt, takesCodes } from "./attempt.js";
import type { Deps, Origin } from "./deps.js";
import type { Asked } from "./factor-provider.js";
import type { Proof } from "./finish-attempt.js";
import { isUsable } from "./waiting-attempt.js";

export type JudgedPasskey =
  /** `proof` is null where the attempt's proof was spent before. */
  { readonly kind: "right"; readonly proof: Proof | null } | { readonly kind: "refused" } | { readonly kind: "over" };

/** What the browser that holds an attempt needs to ask its owner's passkeys. @returns null when there is nothing to ask, or no more. */
export async function askForPasskey(deps: Deps, attempt: Attempt): Promise<object | null> {
  const subscriber = await deps.subscribers.find(attempt.subscriberId);
  if (subscriber === null || !isUsable(attempt, subscriber, deps.now()) || !takesCodes(attempt.purpose)) return null;
  const factors = await deps.factors.listActive(subscriber.id);
  const passkeys = factors.filter(({ type }) => type === "passkey");
  return passkeys.length === 0
    ? null
    : ((await deps.providers.passkey?.proves?.options(askedFor(attempt), passkeys)) ?? null);
}

/**
 * Whether a passkey of the attempt's account answered its challenge, the person having unlocked it. It costs no try: nobody
 * guesses a signature. Nothing is spent yet.
 */
export async function judgePasskey(
  deps: Deps,
  attempt: Attempt,
  response: unknown,
  origin: Origin,
): Promise<JudgedPasskey> {
  if (attempt.state !== "open") return { kind: "right", proof: null };
  const subscriber = await deps.subscribers.find(attempt.subscriberId);
  if (subscriber === null || !isUsable(attempt, subscriber, deps.now()) || !takesCodes(attempt.purpose))
    return { kind: "over" };
  const proof = await passkeyProof(deps, askedFor(attempt), response, origin);
  const isOwn = proof !== null && proof.subscriberId === subscriber.id;
  if (proof !== null && !isOwn) deps.log.warn({ why: "foreign-account" }, "passkey refused");
  return isOwn ? { kind: "right", proof: proof.proof } : { kind: "refused" };
}

/** The proof in a response, and whose passkey it is; a copied passkey is noted in its owner's history. */
export async function passkeyProof(
  deps: Pick<Deps, "providers" | "audit" | "log" | "now">,
  asked: Asked,
  response: unknown,
  origin: Origin,
): Promise<{ readonly subscriberId: string; readonly proof: Proof & { readonly kind: "passkey" } } | null> {
  const proven = await deps.providers.passkey?.proves?.verify(asked, response);
  if (proven === undefined) return null;
  if (proven.kind === "refused") {
    deps.log.warn({ why: proven.why }, "passkey refused");
    return null;
  }
  const { id: factorId, subscriberId } = proven.factor;
  if (proven.kind === "copied") {
    deps.log.warn({ why: "copied", factorId }, "passkey refused");
    await deps.audit.record({ subscriberId, kind: "sign-in-denied", at: deps.now(), origin, detail: "passkey-copied" });
    return null;
  }
  const { spend } = proven;
  return { subscriberId, proof: { kind: "passkey", factorId, spend } };
}

function askedFor({ purpose, id }: Attempt): Asked {
  return { purpose, of: id };
}
