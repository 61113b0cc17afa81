import { randomUUID } from "node:crypto";

import { type Attempt } from "./attempt.js";
import { type Challenge } from "./challenge.js";
import { checkPassword, failureBucket } from "./check-password.js";
import { type Deps, type Origin } from "./deps.js";
import { hashSecret, newSecret } from "./secrets.js";
import { startChallenge } from "./start-challenge.js";
import { type KnownBrowser, type Subscriber } from "./subscriber.js";
import { usernameKey } from "./username.js";

/** How long an answer may be on its way while the same form is sent again. */
const CROSSING_MS = 5000;

export interface LoginForm {
  readonly username: string;
  readonly password: string;
  readonly remember: boolean;
  readonly next: string;
}

/** The browser that types: its visit, and the cookie by which an account may know it. */
export interface LoginBrowser extends Origin {
  readonly visitHash: string;
  readonly arrivedAt: Date;
  /** The sign-in that this browser is in the middle of, by the key that it brought. */
  readonly heldAttemptId: string | null;
  readonly knownKeyFor: (subscriberId: string) => string | null;
  /** Counts the try against what strangers may do in all. Throws TooMany. */
  readonly admitStranger: () => Promise<void>;
}

export type Login =
  | { readonly kind: "refused" }
  | { readonly kind: "signed-in"; readonly subscriber: Subscriber }
  | { readonly kind: "attempt"; readonly attempt: Attempt; readonly key: string };

/**
 * The password's half of a sign-in. A right one opens the account when no phone is enrolled, else an attempt whose push
 * is on its way when this returns. A wrong name, a wrong password and a paused account are told apart by nobody.
 *
 * @throws Busy when too many passwords wait already.
 */
export async function startLogin(deps: Deps, form: LoginForm, browser: LoginBrowser): Promise<Login> {
  const startedAt = browser.arrivedAt;
  const key = usernameKey(form.username);
  const subscriber = await deps.subscribers.findByName(key);
  const known = subscriber === null ? null : await knownBrowser(deps, subscriber.id, browser);
  // A flood of strangers must not shut the owner out: browsers of theirs are not counted among them.
  if (known === null) await browser.admitStranger();
  const bucket = failureBucket(key, known);
  const judged = await checkPassword(deps, subscriber, form.password, bucket, known !== null);
  if (judged !== "right" || subscriber === null) {
    // What was not judged is no event: a flood would bury the owner's history.
    if (judged === "wrong" && subscriber !== null) await recordFailure(deps, subscriber.id, browser);
    await untilFloor(startedAt, deps);
    return { kind: "refused" };
  }

  const factor = await deps.factors.findActive(subscriber.id);
  if (known !== null || factor === null) await deps.failures.clear(bucket);
  if (factor === null) {
    await deps.subscribers.noteSuccess(subscriber.id, deps.now(), true);
    await deps.audit.record({
      subscriberId: subscriber.id,
      kind: "signed-in",
      at: deps.now(),
      ...originOf(browser),
      detail: "password",
    });
    return { kind: "signed-in", subscriber };
  }

  const attempt = newAttempt(deps, {
    subscriberId: subscriber.id,
    epoch: subscriber.epoch,
    purpose: "sign-in",
    sessionId: null,
    browserHash: browser.visitHash,
    isKnownBrowser: known !== null,
    ...originOf(browser),
    next: form.next,
    remember: form.remember,
  });
  const secret = newSecret();
  await deps.attempts.insert(attempt, hashSecret(secret));
  const opened = { ...attempt, tries: 0, state: "open" as const, grantedAt: null };
  // A browser that has the answer to its last sign-in sends the attempt's key with the next one. Without the key, and soon
  // after, it was sent before that answer came: a double click.
  const hasCrossed = (other: Challenge): boolean =>
    other.attemptId !== browser.heldAttemptId && startedAt.getTime() - other.createdAt.getTime() < CROSSING_MS;
  const started = await startChallenge(deps, opened, subscriber, factor, hasCrossed);
  if (started.kind === "joined") {
    // A double click: the other request's push is already on its way, and this browser may wait for that one.
    await deps.attempts.discard(attempt.id);
    await deps.attempts.addKey(started.attemptId, hashSecret(secret));
    const joined = await deps.attempts.find(started.attemptId);
    if (joined !== null) return { kind: "attempt", attempt: joined, key: secret };
  }
  return { kind: "attempt", attempt: opened, key: secret };
}

/** An open attempt that outlives its push. */
export function newAttempt(
  { settings, now }: Pick<Deps, "settings" | "now">,
  given: Omit<Attempt, "id" | "tries" | "state" | "grantedAt" | "createdAt" | "expiresAt" | "asksMatchCode">,
): Omit<Attempt, "tries" | "state" | "grantedAt"> {
  const createdAt = now();
  return {
    ...given,
    id: randomUUID(),
    asksMatchCode: settings.matchCode === "always" || (settings.matchCode === "new-browser" && !given.isKnownBrowser),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + (settings.attemptTtlSeconds + settings.approvalTtlSeconds) * 1000),
  };
}

async function knownBrowser(
  { browsers }: Pick<Deps, "browsers">,
  subscriberId: string,
  browser: LoginBrowser,
): Promise<KnownBrowser | null> {
  const key = browser.knownKeyFor(subscriberId);
  return key === null ? null : browsers.find(subscriberId, hashSecret(key));
}

function originOf({ address, browserLabel }: Origin): Origin {
  return { address, browserLabel };
}

async function recordFailure(deps: Pick<Deps, "audit" | "now">, subscriberId: string, browser: Origin): Promise<void> {
  await deps.audit.record({
    subscriberId,
    kind: "sign-in-failed",
    at: deps.now(),
    ...originOf(browser),
    detail: "password",
  });
}

/** Every refusal takes at least this long, so that the time tells nothing about which kind it was. */
async function untilFloor(startedAt: Date, { settings, now }: Pick<Deps, "settings" | "now">): Promise<void> {
  const left = startedAt.getTime() + settings.loginFloorMs - now().getTime();
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
}
