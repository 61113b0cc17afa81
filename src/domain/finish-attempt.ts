import { randomUUID } from "node:crypto";

import { allOrNothing, type Inside } from "./all-or-nothing.js";
import type { Attempt } from "./attempt.js";
import { cancelPush, cancelPushesOf } from "./cancel-attempts.js";
import { type Challenge, spendableSince } from "./challenge.js";
import type { Deps, Origin, SignInWay } from "./deps.js";
import type { FactorType } from "./factor.js";
import type { RightCode } from "./factor-provider.js";
import { codeBucket } from "./failures.js";
import { notePhoneWorks, passMoveByRecoveryCode } from "./move-from-authy.js";
import { openSession, renewSession, type SessionBrowser, type SignedIn } from "./open-session.js";
import type { AssuranceLevel, Session } from "./session.js";
import { approvalMethods, codeMethods, type Method, PASSKEY_METHODS, PASSWORD_ALONE, withMethods } from "./sign-in.js";

/** Of unused recovery codes: then their owner is told at each use. */
const FEW_CODES = 3;

/** What shows that whoever holds an attempt has the second factor too: judged before, and spent once. */
export type Proof =
  | { readonly kind: "approval"; readonly challenge: Challenge }
  | ({ readonly kind: "app code"; readonly factorId: string; readonly factorType: FactorType } & RightCode)
  | ({ readonly kind: "passkey"; readonly factorId: string } & Required<RightCode>)
  | { readonly kind: "recovery code"; readonly codeHash: string };

/**
 * Turns a sign-in with a second factor into a session; nothing else does.
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
  return finish(deps, attempt, proof, browser, async (inside, spent) => {
    const { subscriberId, epoch, remember, createdAt } = attempt;
    const [id, at] = [randomUUID(), inside.now()];
    if (!(await inside.attempts.finish(attempt.id, id, at))) return null;
    const way = spent.kind === "approval" ? "phone" : spent.kind;
    await inside.audit.record({
      ...{ subscriberId, kind: "signed-in", at, origin: browser, detail: way },
      mails: attempt.isKnownBrowser ? [] : [{ kind: "new-browser" }],
    });
    const challengeId = spent.kind === "approval" ? spent.challenge.id : null;
    const methods = withMethods(PASSWORD_ALONE, methodsOf(spent, attempt));
    const opening = { id, subscriberId, level: levelOf(spent), methods, epoch, challengeId, isRemembered: remember };
    const signedIn = await openSession(inside, { ...opening, passwordAt: createdAt }, browser);
    return (await endMove(inside, attempt, spent, browser)) ? inNextEpoch(inside, attempt, signedIn) : signedIn;
  });
}

/** What a proof comes from, as sign-ins are counted. */
function wayOf(proof: Proof): SignInWay {
  if (proof.kind === "approval") return proof.challenge.factorType;
  if (proof.kind === "passkey") return "passkey";
  return proof.kind === "recovery code" ? "recovery-code" : proof.factorType;
}

/** No password was typed: what asks for a fresh one asks for it. */
const NEVER = new Date(0);

/**
 * Signs somebody in by a passkey that says who they are, with nothing beside it.
 *
 * @returns null when it is over: the account has moved on, or somebody else spent the proof.
 */
export async function finishAlone(
  deps: Deps,
  account: Pick<Attempt, "subscriberId" | "epoch" | "isKnownBrowser" | "remember">,
  proof: Proof & { readonly kind: "passkey" },
  browser: SessionBrowser,
): Promise<SignedIn | null> {
  const { subscriberId, epoch, remember } = account;
  const signedIn = await allOrNothing(deps, async (inside) => {
    if (!(await spendProof(inside, { ...account, purpose: "sign-in" }, proof, browser))) return null;
    const at = inside.now();
    await inside.audit.record({
      ...{ subscriberId, kind: "signed-in", at, origin: browser, detail: proof.kind },
      mails: account.isKnownBrowser ? [] : [{ kind: "new-browser" }],
    });
    const opening = { subscriberId, level: levelOf(proof), methods: PASSKEY_METHODS, epoch, challengeId: null };
    const times = { passwordAt: NEVER, authenticatedAt: at };
    return openSession(inside, { ...opening, ...times, isRemembered: remember }, browser);
  });
  if (signedIn !== null) deps.tally.signIn(wayOf(proof), "signed-in");
  return signedIn;
}

/** What follows from a sign-in for a move over from Authy. @returns true when the factor of before went. */
async function endMove(inside: Inside, attempt: Attempt, proof: Proof, origin: Origin): Promise<boolean> {
  if (proof.kind === "recovery code" && inside.settings.moveFromAuthy === "require")
    await passMoveByRecoveryCode(inside, attempt.subscriberId);
  const factorId = factorBehind(proof);
  const isByPhone = proof.kind === "approval" && proof.challenge.factorType === "phone";
  return isByPhone && factorId !== null && notePhoneWorks(inside, factorId, origin);
}

/** The account has moved on: this session alone goes with it, and its finish may still be repeated. */
async function inNextEpoch(
  { sessions, attempts }: Inside,
  { id }: Pick<Attempt, "id">,
  { session, ...keys }: SignedIn,
): Promise<SignedIn> {
  await sessions.raiseEpoch(session.id);
  await attempts.raiseEpoch(id);
  return { ...keys, session: { ...session, epoch: session.epoch + 1 } };
}

/**
 * Allows one sensitive act for a proof, and nothing else does: the session goes on under a new key.
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
  return finish(deps, attempt, proof, browser, async (inside, spent) => {
    if (session === null) return null;
    const { subscriberId } = session;
    const at = inside.now();
    if (!(await inside.attempts.grant(attempt.id, at))) return null;
    await inside.audit.record({ subscriberId, kind: "step-up", at, origin: browser, detail: attempt.purpose });
    const challengeId = spent.kind === "approval" ? spent.challenge.id : session.challengeId;
    const still = { keyHash: browser.sessionKeyHash ?? "" };
    const methods = withMethods(session.methods, methodsOf(spent, attempt));
    const level = session.level > 2 ? session.level : levelOf(spent);
    return renewSession(inside, session, still, { level, methods, challengeId }, browser);
  });
}

/**
 * One transaction spends the proof, finishes the attempt, writes the history and gives the browser its session: all of it
 * stands, or nothing does and the proof is unspent. The same browser that comes again soon, because the reply was lost or two
 * tabs finished at once, gets the session again.
 */
async function finish(
  deps: Deps,
  attempt: Attempt,
  proof: Proof | null,
  browser: SessionBrowser,
  open: (inside: Inside, spent: Proof) => Promise<SignedIn | null>,
): Promise<SignedIn | null> {
  if (proof === null) return repeatFinish(deps, attempt, browser);
  const from = performance.now();
  const opened = await allOrNothing(deps, async (inside) =>
    (await spendProof(inside, attempt, proof, browser)) ? open(inside, proof) : null,
  );
  deps.traces?.span(attempt.id, `finish:${proof.kind}`, from, opened === null ? "over" : "spent");
  if (opened === null) return repeatFinish(deps, attempt, browser);
  if (attempt.purpose === "sign-in") deps.tally.signIn(wayOf(proof), "signed-in");
  const hasMovedOn = opened.session.epoch > attempt.epoch;
  await (hasMovedOn ? cancelPushesOf(deps, attempt.subscriberId) : cancelPush(deps, attempt));
  return opened;
}

/**
 * Spends a proof, and renews what only a success renews: the tries at codes and the budget of pushes. The account's row comes
 * first, which locks it: whatever ends its sessions comes before all of this or after it.
 *
 * @returns false when the account has moved on, or the proof was spent before.
 */
async function spendProof(
  inside: Inside,
  attempt: Pick<Attempt, "subscriberId" | "epoch" | "isKnownBrowser" | "purpose">,
  proof: Proof,
  origin: Origin,
): Promise<boolean> {
  const { subscriberId, epoch, isKnownBrowser, purpose } = attempt;
  const at = inside.now();
  if (!(await inside.subscribers.noteSuccess(subscriberId, epoch, isKnownBrowser, at))) return false;
  if (proof.kind === "approval" && !(await inside.challenges.consume(proof.challenge.id, spendableSince(inside), at)))
    return false;
  if ((proof.kind === "app code" || proof.kind === "passkey") && (await proof.spend?.(inside)) === false) return false;
  if (proof.kind === "recovery code") {
    if (!(await inside.recoveryCodes.spend(subscriberId, proof.codeHash, at))) return false;
    const left = await inside.recoveryCodes.countLeft(subscriberId);
    await inside.audit.record({
      ...{ subscriberId, kind: "recovery-code-used", at, origin, detail: purpose },
      mails: left <= FEW_CODES ? [{ kind: "recovery-codes-few", detail: String(left) }] : [],
    });
  }
  const factorId = factorBehind(proof);
  if (factorId !== null) await inside.factors.noteUsed(factorId, at);
  const subscriber = await inside.subscribers.find(subscriberId);
  if (subscriber !== null) await inside.failures.clear(codeBucket(subscriber.usernameKey, attempt));
  return true;
}

/** The factor that a proof comes from; null where it comes from none. */
function factorBehind(proof: Proof): string | null {
  if (proof.kind === "recovery code") return null;
  return proof.kind === "approval" ? (proof.challenge.answeredBy ?? proof.challenge.factorId) : proof.factorId;
}

/** PH17: no page that only looks like ours gets anything from a passkey. */
function levelOf({ kind }: Proof): AssuranceLevel {
  return kind === "passkey" ? 3 : 2;
}

function methodsOf(proof: Proof, attempt: Attempt): readonly Method[] {
  if (proof.kind === "approval") return approvalMethods(proof.challenge, attempt);
  if (proof.kind === "passkey") return PASSKEY_METHODS;
  return codeMethods(proof.kind === "app code" ? proof.factorType : null, attempt);
}

/** Gives that session another key, which ends the key of the reply before. @returns null when nothing may be repeated. */
async function repeatFinish(deps: Deps, attempt: Attempt, browser: SessionBrowser): Promise<SignedIn | null> {
  return allOrNothing(deps, async (inside) => {
    const session = await sessionToRepeat(inside, attempt.id);
    return session && renewSession(inside, session, { epoch: session.epoch }, {}, browser);
  });
}

/**
 * The session that an attempt's proof opened or renewed, as long as the attempt's browser may ask for it again: the reply
 * may have been lost, or have crossed with another tab's. Null once the session was ended, or the account has moved on.
 */
export async function sessionToRepeat(
  deps: Pick<Deps, "attempts" | "challenges" | "sessions" | "settings" | "now">,
  attemptId: string,
): Promise<Session | null> {
  const attempt = await deps.attempts.find(attemptId);
  if (attempt?.state !== "finished" && attempt?.state !== "granted") return null;
  // The release before noted the time of a sign-in at its approval alone.
  const spentAt = attempt.spentAt ?? (await deps.challenges.findDecisive(attemptId))?.consumedAt ?? null;
  if (spentAt === null || spentAt <= spendableSince(deps)) return null;
  const session = await deps.sessions.findOfAttempt(attemptId, deps.now());
  return session?.epoch === attempt.epoch ? session : null;
}
