import { askProvider } from "./ask-provider.js";
import { type Challenge, isLive, type ProvidersWord } from "./challenge.js";
import type { Deps } from "./deps.js";
import { settleByCallback } from "./settle-challenge.js";
import type { LiveStatus } from "./watched.js";
import { approvals, registrations } from "./watched-kinds.js";

/** What a callback with a good signature says. */
export interface CallbackNotice extends ProvidersWord {
  readonly signatureHash: string;
  /** Our own id, which travelled in hidden details; null when it did not come back. */
  readonly challengeId: string | null;
}

/** What became of a callback, for the log. All of them are answered with 200. */
export type Received =
  | { readonly word: "settled"; readonly settled: LiveStatus }
  | { readonly word: "settled-before" | "unknown" | "other-phone" | "repeated" };

/**
 * Acts on a verified callback. One statement settles the challenge that it is about. Where it settles none, it is kept for a
 * while, since it may overtake the provider's own answer to our request; repeats and late ones change nothing.
 *
 * @throws when the database cannot be reached: then nothing was changed and the provider may send it again.
 */
export async function receiveCallback(deps: Deps, notice: CallbackNotice): Promise<Received> {
  const settled = await settleByCallback(deps, notice);
  return settled === null ? keepCallback(deps, notice) : { word: "settled", settled };
}

async function keepCallback(deps: Deps, notice: CallbackNotice): Promise<Received> {
  const { signatureHash, providerRef, providerId, status } = notice;
  const isNew = await deps.receipts.insert({ signatureHash, providerRef, providerId, status, receivedAt: deps.now() });
  // The receipt before the search: a request that gets its name now finds the one, or is found by the other.
  const challenge = await findChallenge(deps, notice);
  if (challenge === null) return { word: "unknown" };
  if (challenge.providerId !== providerId) return { word: "other-phone" };
  if (!isLive(challenge.state)) return { word: isNew ? "settled-before" : "repeated" };
  if (challenge.state === "creating") await deps.challenges.confirmSent(challenge.id, { ref: providerRef }, deps.now());
  const settled = await settleByCallback(deps, notice);
  return settled === null ? { word: "settled-before" } : { word: "settled", settled };
}

async function findChallenge(deps: Pick<Deps, "challenges">, notice: CallbackNotice): Promise<Challenge | null> {
  const byUuid = await deps.challenges.findByProviderRef(notice.providerRef);
  if (byUuid !== null || notice.challengeId === null) return byUuid;
  const byId = await deps.challenges.find(notice.challengeId);
  // Our id alone is enough only while the provider's own name for the request is not known yet.
  return byId?.providerRef == null || byId.providerRef === notice.providerRef ? byId : null;
}

/** An event of the provider's webhook that may concern us. The token has no age, so it only makes us ask. */
export type EventNotice =
  | { readonly kind: "registration"; readonly enrolmentId: string }
  | { readonly kind: "approval"; readonly providerRef: string };

/** Asks the provider for the truth behind an event; when it cannot be asked, the poller will. */
export async function receiveEvent(deps: Deps, notice: EventNotice): Promise<void> {
  try {
    if (notice.kind === "registration") {
      const enrolment = await deps.enrolments.find(notice.enrolmentId);
      if (enrolment?.state === "pending") await askProvider(deps, registrations, enrolment, "webhook");
      return;
    }
    const challenge = await deps.challenges.findByProviderRef(notice.providerRef);
    if (challenge !== null && isLive(challenge.state)) await askProvider(deps, approvals, challenge, "webhook");
  } catch (error) {
    if (!isProviderError(error)) throw error;
    deps.log.warn({ event: notice.kind }, "the provider could not be asked about an event");
  }
}

function isProviderError(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("provider_");
}
