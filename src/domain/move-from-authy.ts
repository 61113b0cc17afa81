import type { Inside } from "./all-or-nothing.js";
import type { Deps, Origin } from "./deps.js";
import { endAttemptsOfSubscriber } from "./end-attempts.js";
import type { Factor } from "./factor.js";
import { removeInHistory } from "./remove-factors.js";
import type { Subscriber } from "./subscriber.js";

type MoveDeps = Pick<Deps, "providers" | "settings">;

const LATER_MS = 7 * 86_400_000;
/** Whoever signed in with a recovery code has no phone at hand: long enough for what they came for. */
const AFTER_RECOVERY_CODE_MS = 86_400_000;

/** Whether people here move over from Authy at all. */
export function movesFromAuthy({ providers, settings }: MoveDeps): boolean {
  return settings.moveFromAuthy !== "off" && providers["authy-push"] !== undefined && providers.phone !== undefined;
}

/** Whether somebody may move: nothing but Authy rings for them. */
export function mayMove(deps: MoveDeps, factors: readonly Pick<Factor, "type">[]): boolean {
  const has = (type: Factor["type"]): boolean => factors.some((factor) => factor.type === type);
  return movesFromAuthy(deps) && has("authy-push") && !has("phone");
}

/** Whether the move is offered to somebody now, or asked of them: they may, and did not put it off. */
export function isMoveDue(
  deps: MoveDeps & Pick<Deps, "now">,
  { moveRestsUntil }: Pick<Subscriber, "moveRestsUntil">,
  factors: readonly Pick<Factor, "type">[],
): boolean {
  return mayMove(deps, factors) && (moveRestsUntil === null || moveRestsUntil <= deps.now());
}

/** Puts the offer off for a week. @returns false where moving is required. */
export async function moveLater(
  { subscribers, settings, now }: Pick<Deps, "subscribers" | "settings" | "now">,
  subscriberId: string,
): Promise<boolean> {
  if (settings.moveFromAuthy === "require") return false;
  await subscribers.restMove(subscriberId, new Date(now().getTime() + LATER_MS));
  return true;
}

/** A recovery code leads past for a day, also where moving is required. */
export async function passMoveByRecoveryCode(
  { subscribers, now }: Pick<Inside, "subscribers" | "now">,
  subscriberId: string,
): Promise<void> {
  await subscribers.restMove(subscriberId, new Date(now().getTime() + AFTER_RECOVERY_CODE_MS));
}

/** What takes a factor's place and has not approved a sign-in yet: until then the old one stays. */
export function unprovedSuccessor({ id }: Pick<Factor, "id">, active: readonly Factor[]): Factor | undefined {
  return active.find(({ replacesId, provedAt }) => replacesId === id && provedAt === null);
}

/** The factors whose place is taken by one that works: they may go. */
export function replacedFactors(active: readonly Factor[]): Factor[] {
  return active.filter(({ id }) => active.some(({ replacesId, provedAt }) => replacesId === id && provedAt !== null));
}

/**
 * A phone has approved a sign-in, in the transaction of which this runs: the factor whose place it takes may go, and goes where
 * moving is required.
 *
 * @returns true when it went: the account is in its next epoch then, since a removal ends all sessions.
 */
export async function notePhoneWorks(inside: Inside, factorId: string, origin: Origin): Promise<boolean> {
  const { factors, subscribers, settings, now } = inside;
  const at = now();
  const phone = await factors.find(factorId);
  if (phone?.replacesId == null) return false;
  if (phone.provedAt === null) await factors.noteProved(factorId, at);
  const former = (await factors.listActive(phone.subscriberId)).find(({ id }) => id === phone.replacesId);
  if (former === undefined || settings.moveFromAuthy !== "require") return false;
  await subscribers.nextEpoch(phone.subscriberId);
  await removeInHistory({ factors, audit: inside.audit }, former, at, origin, "moved");
  await endAttemptsOfSubscriber(inside, phone.subscriberId, at);
  return true;
}
