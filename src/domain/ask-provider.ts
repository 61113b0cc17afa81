import { type Challenge, EXPIRY_GRACE_MS } from "./challenge.js";
import { settleEnrolment } from "./settle-enrolment.js";
import { type Deps } from "./deps.js";
import { type Enrolment } from "./enrolment.js";
import { nextApprovalPoll, nextRegistrationPoll } from "./poll-schedule.js";
import { settleChallenge, type SettleDeps } from "./settle-challenge.js";

/** How long one question to Authy may take before another process may ask again: longer than the client waits. */
const LEASE_MS = 4000;
/** How soon to look again while somebody else asks: the one who asks may have died. */
const LOOK_AGAIN_MS = 400;

/** `settled`: nothing more to do. Otherwise when to ask again; Authy may be asked by somebody else right now. */
export type Asked = { readonly kind: "settled" } | { readonly kind: "later"; readonly at: Date };

type AskDeps = SettleDeps & Pick<Deps, "provider" | "enrolments" | "browsers">;

/**
 * Asks Authy once what became of a push and settles what it says. An error of Authy is neither yes nor no.
 *
 * @throws ProviderThrottled with the time to wait; the lease is given back.
 */
export async function askAboutChallenge(
  deps: AskDeps,
  challenge: Challenge,
  by: "poll" | "webhook",
  signal?: AbortSignal,
): Promise<Asked> {
  const startedAt = deps.now();
  const later = (): Date => nextApprovalPoll(deps.settings, challenge.createdAt, challenge.expiresAt, deps.now());
  if (challenge.providerRef === null) return expireWhenOver(deps, challenge, later());
  const leaseUntil = new Date(startedAt.getTime() + LEASE_MS);
  if (!(await deps.challenges.claimPoll(challenge.id, startedAt, leaseUntil)))
    return { kind: "later", at: new Date(startedAt.getTime() + LOOK_AGAIN_MS) };
  try {
    const state = await deps.provider.approvalState(challenge.providerRef, challenge.providerId, signal);
    if (state === "approved" || state === "denied") {
      await settleChallenge(deps, challenge.id, state, by);
      return { kind: "settled" };
    }
    if (state !== "unknown" && startedAt >= challenge.expiresAt) {
      await settleChallenge(deps, challenge.id, "expired", by);
      return { kind: "settled" };
    }
    return await expireWhenOver(deps, challenge, later());
  } finally {
    await deps.challenges.releasePoll(challenge.id, leaseUntil, later());
  }
}

/** The clock's own verdict, a little after the end. */
export async function expireWhenOver(
  deps: SettleDeps,
  challenge: Pick<Challenge, "id" | "expiresAt">,
  otherwise: Date,
): Promise<Asked> {
  if (deps.now().getTime() < challenge.expiresAt.getTime() + EXPIRY_GRACE_MS) return { kind: "later", at: otherwise };
  await settleChallenge(deps, challenge.id, "expired", "clock");
  return { kind: "settled" };
}

/**
 * Asks Authy once whether a QR code was scanned and settles what it says.
 *
 * @throws ProviderThrottled with the time to wait.
 */
export async function askAboutEnrolment(
  deps: AskDeps,
  enrolment: Enrolment,
  by: "poll" | "webhook",
  signal?: AbortSignal,
): Promise<Asked> {
  const startedAt = deps.now();
  const later = (): Date => nextRegistrationPoll(deps.settings, enrolment.createdAt, enrolment.expiresAt, deps.now());
  const leaseUntil = new Date(startedAt.getTime() + LEASE_MS);
  if (!(await deps.enrolments.claimPoll(enrolment.id, startedAt, leaseUntil)))
    return { kind: "later", at: new Date(startedAt.getTime() + LOOK_AGAIN_MS) };
  try {
    const answer = await deps.provider.registrationState(enrolment.id, signal);
    const isOver = startedAt.getTime() >= enrolment.expiresAt.getTime();
    if (answer.state === "pending" && !isOver) return { kind: "later", at: later() };
    await settleEnrolment(deps, enrolment.id, answer.state === "pending" ? { state: "expired" } : answer, by);
    return { kind: "settled" };
  } finally {
    await deps.enrolments.releasePoll(enrolment.id, leaseUntil, later());
  }
}
