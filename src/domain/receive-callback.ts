import { askProvider } from "./ask-provider.js";
import { type Challenge, isLive } from "./challenge.js";
import { type Deps } from "./deps.js";
import { settleChallenge } from "./settle-challenge.js";
import { approvals, registrations } from "./watched-kinds.js";

/** What a callback with a good signature says. */
export interface CallbackNotice {
  readonly signatureHash: string;
  readonly providerRef: string;
  readonly providerId: string;
  readonly status: "approved" | "denied" | "expired";
  /** Our own id, which travelled in hidden details; null when it did not come back. */
  readonly challengeId: string | null;
}

/** What became of a callback, for the log. All of them are answered with 200. */
export type Received = "settled" | "settled-before" | "unknown" | "other-phone" | "repeated";

/**
 * Acts on a verified callback. An unknown uuid is kept for a while, since the callback may overtake the provider's own answer
 * to our request; repeats and late ones change nothing.
 *
 * @throws when the database cannot be reached: then nothing was changed and the provider may send it again.
 */
export async function receiveCallback(deps: Deps, notice: CallbackNotice): Promise<Received> {
  const isNew = await deps.receipts.insert({
    signatureHash: notice.signatureHash,
    providerRef: notice.providerRef,
    providerId: notice.providerId,
    status: notice.status,
    receivedAt: deps.now(),
  });
  const challenge = await findChallenge(deps, notice);
  if (challenge === null) return "unknown";
  if (challenge.providerId !== notice.providerId) return "other-phone";
  if (!isLive(challenge.state)) return isNew ? "settled-before" : "repeated";
  if (challenge.state === "creating") await deps.challenges.confirmSent(challenge.id, notice.providerRef, deps.now());
  return (await settleChallenge(deps, challenge.id, notice.status, "callback")) ? "settled" : "settled-before";
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
