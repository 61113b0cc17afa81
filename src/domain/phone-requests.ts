import { type Challenge, isLive } from "./challenge.js";
import { type Deps } from "./deps.js";
import { type ActiveKey } from "./phone-key.js";
import { type ShownDeps, type ShownRequest, shownRequest } from "./shown-request.js";

type WaitingDeps = Pick<Deps, "challenges" | "phoneKeys" | "now">;

/** The ids of what waits for these keys, the newest first; null when none of them may answer any more. */
export async function waitingIds(deps: WaitingDeps, keyHashes: readonly string[]): Promise<string[] | null> {
  const keys = await deps.phoneKeys.findActive(keyHashes);
  return keys.length === 0 ? null : (await waitingFor(deps, keys)).map(({ id }) => id);
}

/**
 * What waits for an answer of the phones that hold these keys, the newest first. Keys of removed factors read nothing.
 */
export async function phoneRequests(
  deps: ShownDeps & WaitingDeps,
  keyHashes: readonly string[],
): Promise<ShownRequest[]> {
  const keys = await deps.phoneKeys.findActive(keyHashes);
  const shown = await Promise.all((await waitingFor(deps, keys)).map((challenge) => shownRequest(deps, challenge)));
  return shown.filter((each) => each !== null);
}

async function waitingFor(deps: WaitingDeps, keys: readonly ActiveKey[]): Promise<Challenge[]> {
  const accounts = [...new Set(keys.map(({ subscriberId }) => subscriberId))];
  const live = (await Promise.all(accounts.map((id) => deps.challenges.findLiveOfSubscriber(id)))).flat();
  return live
    .filter(({ factorType, state, expiresAt }) => factorType === "phone" && isLive(state) && expiresAt > deps.now())
    .toSorted((one, other) => other.createdAt.getTime() - one.createdAt.getTime());
}
