import { type Attempt } from "./attempt.js";
import { type Challenge } from "./challenge.js";
import { type Inside } from "./all-or-nothing.js";
import { type Deps, type Origin } from "./deps.js";
import { codeBucket } from "./failure-buckets.js";
import { recordEvent } from "./record-event.js";

/** What shows that whoever holds an attempt has the second factor too: judged before, and spent once. */
export type Proof =
  | { readonly kind: "approval"; readonly challenge: Challenge }
  /** Of the provider's app; the provider itself takes none twice. */
  | { readonly kind: "app code" }
  | { readonly kind: "recovery code"; readonly codeHash: string };

/** An approval may be spent for so long, and for as long afterwards its browser may ask once more. */
export function spendableSince({ settings, now }: Pick<Deps, "settings" | "now">): Date {
  return new Date(now().getTime() - settings.approvedTtlSeconds * 1000);
}

/**
 * Spends a proof inside a transaction, and renews what only a success renews: the tries at codes and the budget of pushes.
 * The account's row comes first, which locks it: whatever ends its sessions comes before all of this or after it.
 *
 * @returns false when the account has moved on, or the proof was spent before.
 */
export async function spendProof(inside: Inside, attempt: Attempt, proof: Proof, origin: Origin): Promise<boolean> {
  const { subscriberId, epoch, isKnownBrowser, purpose } = attempt;
  const at = inside.now();
  if (!(await inside.subscribers.noteSuccess(subscriberId, epoch, isKnownBrowser, at))) return false;
  if (proof.kind === "approval" && !(await inside.challenges.consume(proof.challenge.id, spendableSince(inside), at)))
    return false;
  if (proof.kind === "recovery code") {
    if (!(await inside.recoveryCodes.spend(subscriberId, proof.codeHash, at))) return false;
    await recordEvent(inside, { subscriberId, kind: "recovery-code-used", at, origin, detail: purpose });
  }
  const subscriber = await inside.subscribers.find(subscriberId);
  if (subscriber !== null) await inside.failures.clear(codeBucket(subscriber.usernameKey, attempt));
  return true;
}
