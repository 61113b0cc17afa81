import { allOrNothing } from "./all-or-nothing.js";
import { checkPassword } from "./check-password.js";
import type { Deps, Origin } from "./deps.js";
import { Busy } from "./errors.js";
import { passwordBucket } from "./failures.js";
import { openSession, type SignedIn } from "./open-session.js";
import { hashSecret } from "./secrets.js";
import { PASSWORD_ALONE } from "./sign-in.js";
import { type Begun, startAttempt } from "./start-challenge.js";
import type { KnownBrowser, Subscriber } from "./subscriber.js";
import { usernameKey } from "./username.js";

/** How long an answer may be on its way while the same form is sent again. */
const CROSSING_MS = 5000;

export interface LoginForm {
  readonly username: string;
  readonly password: string;
  readonly remember: boolean;
  readonly next: string;
  /** The name of the application that `next` leads to; null where it leads to none. */
  readonly application: string | null;
}

/** The browser that types: its visit, and the cookie by which an account may know it. */
export interface LoginBrowser extends Origin {
  readonly visitHash: string;
  readonly arrivedAt: Date;
  /** The sign-in that this browser is in the middle of, by the key that it brought. */
  readonly heldAttemptId: string | null;
  readonly knownKeyFor: (subscriberId: string) => string | null;
  /** Of the key of the living session that it brought; null when it brought none. */
  readonly sessionKeyHash: string | null;
  /** Counts the try against the limit for all unknown browsers together. Throws TooMany. */
  readonly admitUnknown: () => Promise<void>;
}

export type Login =
  | { readonly kind: "refused" }
  | { readonly kind: "signed-in"; readonly signedIn: SignedIn }
  | { readonly kind: "attempt"; readonly key: string };

/**
 * The password's half of a sign-in. A right one opens the account when no factor is enrolled, else an attempt whose push
 * is on its way when this returns. A wrong name, a wrong password and a paused account get the same answer.
 *
 * @throws Busy when too many passwords wait already.
 */
export async function startLogin(deps: Deps, form: LoginForm, browser: LoginBrowser): Promise<Login> {
  const startedAt = browser.arrivedAt;
  const key = usernameKey(form.username);
  const subscriber = await deps.subscribers.findByName(key);
  const known = subscriber === null ? null : await knownBrowser(deps, subscriber.id, browser);
  // Known browsers are not counted: a flood of guesses must not keep the owner out.
  if (known === null) await browser.admitUnknown();
  const bucket = passwordBucket(key, known);
  // A disabled account is as one that does not exist, in time too.
  const enabled = subscriber?.disabledAt === null ? subscriber : null;
  const judged = await checkPassword(deps, enabled, form.password, bucket, known !== null);
  if (judged !== "right" || subscriber === null) {
    // What was not judged is not recorded: a flood of guesses would fill the owner's history.
    const failed = { kind: "sign-in-failed", at: deps.now(), origin: browser, detail: "password" } as const;
    if (judged === "wrong" && subscriber !== null) await deps.audit.record({ subscriberId: subscriber.id, ...failed });
    await untilFloor(startedAt, deps);
    return { kind: "refused" };
  }

  const factors = await deps.factors.listActive(subscriber.id);
  if (factors.length === 0)
    return {
      kind: "signed-in",
      signedIn: await signInByPassword(deps, subscriber, form, browser, bucket, known !== null),
    };
  if (known !== null) await deps.failures.clear(bucket);

  // A browser that received the reply to its last sign-in sends that attempt's key. A second sign-in within seconds without
  // the key was sent before that reply arrived: a double click.
  const hasCrossed = (other: Begun): boolean =>
    other.attemptId !== browser.heldAttemptId && startedAt.getTime() - other.createdAt.getTime() < CROSSING_MS;
  const begun = { ...browser, isKnown: known !== null };
  const { next, remember, application } = form;
  const request = { purpose: "sign-in", sessionId: null, next, remember, application } as const;
  return { kind: "attempt", key: await startAttempt(deps, subscriber, factors, begun, request, hasCrossed) };
}

async function knownBrowser(
  { browsers }: Pick<Deps, "browsers">,
  subscriberId: string,
  browser: LoginBrowser,
): Promise<KnownBrowser | null> {
  const key = browser.knownKeyFor(subscriberId);
  return key === null ? null : browsers.find(subscriberId, hashSecret(key));
}

/** Without a second factor the password is all that is asked for. */
async function signInByPassword(
  deps: Deps,
  { id: subscriberId, epoch }: Subscriber,
  { remember }: LoginForm,
  browser: LoginBrowser,
  bucket: string,
  isKnown: boolean,
): Promise<SignedIn> {
  const signedIn = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    if (!(await inside.subscribers.noteSuccess(subscriberId, epoch, true, at))) return null;
    await inside.failures.clear(bucket);
    await inside.audit.record({
      ...{ subscriberId, kind: "signed-in", at, origin: browser, detail: "password" },
      mails: isKnown ? [] : [{ kind: "new-browser" }],
    });
    return openSession(
      inside,
      {
        subscriberId,
        level: 1,
        methods: PASSWORD_ALONE,
        epoch,
        challengeId: null,
        isRemembered: remember,
        passwordAt: at,
      },
      { ...browser, knownKey: browser.knownKeyFor(subscriberId) },
    );
  });
  // A factor was added, or the password changed, since the account was read.
  if (signedIn === null) throw new Busy("account-changed", 1);
  return signedIn;
}

/** Whatever must not tell by its time what it was takes at least this long. */
export async function untilFloor(
  startedAt: Date,
  { settings, passwords, now }: Pick<Deps, "settings" | "passwords" | "now">,
): Promise<void> {
  const floorMs = Math.max(settings.loginFloorMs, passwords.floorMs());
  const left = startedAt.getTime() + floorMs - now().getTime();
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
}
