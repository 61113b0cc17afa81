import { randomUUID } from "node:crypto";

import { allOrNothing, type Inside } from "./all-or-nothing.js";
import { type Attempt } from "./attempt.js";
import { cancelPush } from "./cancel-attempts.js";
import { type Deps } from "./deps.js";
import { openSession, type SessionBrowser, type SignedIn } from "./open-session.js";
import { type Proof, spendProof } from "./proof.js";
import { recordEvent } from "./record-event.js";
import { repeatFinish } from "./repeat-finish.js";

/**
 * The one door through which a sign-in with a second factor becomes a session. One transaction spends the proof, finishes
 * the attempt, writes the history and opens the session: all of it stands, or nothing does and the proof is unspent.
 * The same browser that comes again soon, because the reply was lost or two tabs finished at once, gets the session again.
 *
 * @param proof - Null when it was spent before: then only a repeat can come of it.
 * @returns null when it is over: the attempt or what it opened was ended, or somebody else spent the proof.
 */
export async function finishLogin(
  deps: Deps,
  attempt: Attempt,
  proof: Proof | null,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const opened = proof && (await allOrNothing(deps, (inside) => signIn(inside, attempt, proof, browser)));
  if (opened === null) return repeatFinish(deps, attempt, browser);
  await cancelPush(deps, attempt);
  return opened;
}

async function signIn(
  inside: Inside,
  attempt: Attempt,
  proof: Proof,
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const { subscriberId, epoch, remember, createdAt } = attempt;
  const [id, at] = [randomUUID(), inside.now()];
  if (!(await spendProof(inside, attempt, proof, browser))) return null;
  if (!(await inside.attempts.finish(attempt.id, id, at))) return null;
  const way = proof.kind === "approval" ? "phone" : proof.kind;
  await recordEvent(inside, { subscriberId, kind: "signed-in", at, origin: browser, detail: way });
  return openSession(
    inside,
    {
      ...{ id, subscriberId, level: 2, epoch, isRemembered: remember, passwordAt: createdAt },
      challengeId: proof.kind === "approval" ? proof.challenge.id : null,
    },
    browser,
  );
}
