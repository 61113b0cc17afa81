import { allOrNothing, type Inside } from "./all-or-nothing.js";
import { type Attempt } from "./attempt.js";
import { cancelPush } from "./cancel-attempts.js";
import { type Deps } from "./deps.js";
import { renewSession, type SessionBrowser, type SignedIn } from "./open-session.js";
import { type Proof, spendProof } from "./proof.js";
import { recordEvent } from "./record-event.js";
import { repeatFinish } from "./repeat-finish.js";
import { type Session } from "./session.js";

/**
 * The one door through which a proof allows one sensitive act. One transaction spends the proof, grants the act to the
 * session and gives that a new key: all of it stands, or nothing does and the browser is signed in as before.
 * The same browser that comes again soon gets the session again, as after a sign-in.
 *
 * @param session - Null when the browser brought a key that lives no more.
 * @param proof - Null when it was spent before: then only a repeat can come of it.
 * @returns null when it is over: the attempt or the session was ended, or somebody else spent the proof.
 */
export async function finishStepUp(
  deps: Deps,
  attempt: Attempt,
  session: Session | null,
  proof: Proof | null,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const renewed =
    session && proof && (await allOrNothing(deps, (inside) => grant(inside, attempt, session, proof, browser)));
  if (renewed === null) return repeatFinish(deps, attempt, browser);
  await cancelPush(deps, attempt);
  return renewed;
}

async function grant(
  inside: Inside,
  attempt: Attempt,
  session: Session,
  proof: Proof,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const { subscriberId } = session;
  const at = inside.now();
  if (!(await spendProof(inside, attempt, proof, browser))) return null;
  if (!(await inside.attempts.grant(attempt.id, at))) return null;
  await recordEvent(inside, { subscriberId, kind: "step-up", at, origin: browser, detail: attempt.purpose });
  const challengeId = proof.kind === "approval" ? proof.challenge.id : session.challengeId;
  const still = { keyHash: browser.sessionKeyHash ?? "" };
  return renewSession(inside, session, still, { level: 2, challengeId }, browser);
}
