import { type Attempt, MATCH_CODE_TRIES, takesCodes } from "../domain/attempt.js";
import { isBeingSent, isLive } from "../domain/challenge.js";
import type { Deps } from "../domain/deps.js";
import { ringing } from "../domain/factor.js";
import { isUsable, type WaitingAttempt } from "../domain/waiting-attempt.js";
import { canUsePasskey } from "./factor-view.js";
import type { Text } from "./text.js";

type State = "sending" | "waiting" | "approved" | "denied" | "expired" | "cancelled" | "failed" | "paused";

/** What the waiting page shows of an attempt, in the words of its template. */
export function waitingView(
  text: Text,
  waiting: WaitingAttempt,
  { base, codePath }: { readonly base: string; readonly codePath: string },
  { settings, providers, now: clock }: Pick<Deps, "settings" | "providers" | "now">,
  shown: {
    stillPending?: boolean;
    errors?: Readonly<Record<string, string>>;
    recoveryAllowed?: boolean;
    matchCode?: string;
  } = {},
) {
  const { attempt, subscriber, challenge, pause, resend } = waiting;
  const isSignIn = attempt.purpose === "sign-in";
  const now = clock();
  const state = stateOf(waiting, now);
  // A push that nobody confirmed may still be answered: the page says so and goes on watching.
  const isWatched = challenge !== null && isLive(challenge.state);
  return {
    challengeId: challenge?.id ?? null,
    eventsPath: isWatched || state === "approved" ? `/challenges/${challenge?.id ?? ""}/events` : null,
    statusPath: isWatched || state === "approved" ? `/challenges/${challenge?.id ?? ""}` : null,
    base,
    codePath,
    state,
    wasApproved: challenge !== null && ["approved", "consumed", "lapsed"].includes(challenge.state),
    kind: isSignIn ? "sign-in" : "step-up",
    action: actionOf(text, attempt),
    application: attempt.application,
    username: subscriber.username,
    browser: attempt.browserLabel,
    address: attempt.address,
    /** No push was taken: the person has to open the page of their phone by themselves. */
    isListed: state === "waiting" && challenge?.reach === "listed",
    asksAuthy: (challenge?.factorType ?? "authy-push") === "authy-push",
    deviceLabel: text(`device.${challenge?.factorType ?? "authy-push"}`),
    passkeyPath:
      canUsePasskey(waiting.factors, { providers }) && isUsable(attempt, subscriber, now) && takesCodes(attempt.purpose)
        ? `${base}/passkey`
        : null,
    canAsk: ringing(waiting.factors, providers).length > 0,
    secondsSince: challenge === null ? 0 : secondsBetween(challenge.createdAt, now),
    secondsLeft: challenge === null ? 0 : secondsBetween(now, challenge.expiresAt),
    totalSeconds: settings.approvalTtlSeconds,
    resendInSeconds: resend.inSeconds,
    resendsLeft: resend.left ?? 99,
    matchCodeAsked: attempt.asksMatchCode && attempt.state === "open",
    matchCode: shown.matchCode ?? "",
    matchCodeTriesLeft: attempt.tries === 0 ? null : MATCH_CODE_TRIES - attempt.tries,
    areTriesSpent: attempt.tries >= MATCH_CODE_TRIES,
    errors: shown.errors ?? {},
    stillPending: shown.stillPending ?? false,
    failedSince: state === "failed" ? (challenge?.createdAt.toISOString() ?? null) : null,
    pausedUntil: state === "paused" ? (pause?.until?.toISOString() ?? null) : null,
    takesCodes: takesCodes(attempt.purpose),
    recoveryAllowed: shown.recoveryAllowed ?? true,
  };
}

/** What a step-up allows, as its phone names it; null for a sign-in. */
function actionOf(text: Text, { purpose, application }: Attempt): string | null {
  if (purpose === "sign-in") return null;
  if (purpose === "authorize-device") return text("push.device", { name: application ?? "" });
  return text(`action.${purpose}`);
}

function stateOf(waiting: WaitingAttempt, now: Date): State {
  const { attempt, subscriber, challenge, canFinish, pause, factors } = waiting;
  if (canFinish) return "approved";
  if (challenge !== null && isLive(challenge.state)) {
    if (challenge.state === "pending") return "waiting";
    return isBeingSent(challenge, now) ? "sending" : "failed";
  }
  if (challenge?.state === "denied") return "denied";
  if (challenge?.state === "consumed") return "cancelled"; // used before
  if (!isUsable(attempt, subscriber, now) || factors.length === 0)
    return challenge?.state === "expired" || attempt.expiresAt <= now ? "expired" : "cancelled";
  if (challenge === null) return pause === null ? "failed" : "paused";
  switch (challenge.state) {
    case "failed":
      return pause === null ? "failed" : "paused";
    case "superseded":
    case "cancelled":
      return "cancelled";
    default:
      return "expired"; // ran out, or was approved and not used in time
  }
}

function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, Math.round((to.getTime() - from.getTime()) / 1000));
}
