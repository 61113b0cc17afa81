import { type Challenge, isLive } from "./challenge.js";
import type { Deps } from "./deps.js";
import type { ActiveKey } from "./phone-key.js";
import { type ShownDeps, type ShownRequest, shownRequest } from "./shown-request.js";

type WaitingDeps = Pick<Deps, "challenges" | "phoneKeys" | "now">;

/** The ids of what waits for these keys, the newest first; null when none of them may answer any more. */
export async function waitingIds(deps: WaitingDeps, keyHashes: readonly string[]): Promise<string[] | null> {
  const keys = await deps.phoneKeys.findActive(keyHashes);
  return keys.length === 0 ? null : (await waitingFor(deps, keys)).map(({ id }) => id);
}

/** A request, and which of the phone's keys may answer it. */
export interface WaitingRequest extends ShownRequest {
  /** The key's hash. */
  readonly key: string;
}

/**
 * What waits for an answer of the phones that hold these keys, the newest first. Keys of removed factors read nothing.
 */
export async function phoneRequests(
  deps: ShownDeps & WaitingDeps,
  keyHashes: readonly string[],
): Promise<WaitingRequest[]> {
  const keys = await deps.phoneKeys.findActive(keyHashes);
  const shown = await Promise.all(
    (await waitingFor(deps, keys)).map(async (challenge) => {
      const request = await shownRequest(deps, challenge);
      const key = keys.find(({ subscriberId }) => subscriberId === challenge.subscriberId)?.keyHash;
      return request === null || key === undefined ? null : { ...request, key };
    }),
  );
  return shown.filter((each) => each !== null);
}

/** What became of a request, as the phones of its account are told. */
export interface EndedRequest {
  readonly message: string;
  readonly username: string;
  readonly outcome: "waiting" | "approved" | "denied" | "expired" | "replaced" | "cancelled";
  /** The phone that answered; null where none did. */
  readonly by: { readonly isThis: boolean; readonly label: string } | null;
}

/** What became of one request of these keys' accounts, and by whom; null for any other. */
export async function endedRequest(
  deps: ShownDeps & WaitingDeps,
  keyHashes: readonly string[],
  id: string,
): Promise<EndedRequest | null> {
  const keys = await deps.phoneKeys.findActive(keyHashes);
  const challenge = await deps.challenges.find(id);
  const own = keys.filter(({ subscriberId }) => subscriberId === challenge?.subscriberId);
  if (challenge?.factorType !== "phone" || own.length === 0) return null;
  const shown = await shownRequest(deps, challenge);
  if (shown === null) return null;
  const { answeredBy } = challenge;
  const by = answeredBy === null ? null : await deps.factors.find(answeredBy);
  return {
    message: shown.message,
    username: (await deps.subscribers.find(challenge.subscriberId))?.username ?? "",
    outcome: outcomeOf(challenge, deps.now()),
    by: by && { isThis: own.some(({ factorId }) => factorId === by.id), label: by.label },
  };
}

function outcomeOf({ state, expiresAt }: Challenge, now: Date): EndedRequest["outcome"] {
  switch (state) {
    case "creating":
    case "pending":
      return expiresAt > now ? "waiting" : "expired";
    case "superseded":
      return "replaced";
    case "failed":
      return "cancelled";
    case "consumed":
    case "lapsed":
      return "approved";
    default:
      return state;
  }
}

async function waitingFor(deps: WaitingDeps, keys: readonly ActiveKey[]): Promise<Challenge[]> {
  const accounts = [...new Set(keys.map(({ subscriberId }) => subscriberId))];
  const live = (await Promise.all(accounts.map((id) => deps.challenges.findLiveOfSubscriber(id)))).flat();
  return live
    .filter(({ factorType, state, expiresAt }) => factorType === "phone" && isLive(state) && expiresAt > deps.now())
    .toSorted((one, other) => other.createdAt.getTime() - one.createdAt.getTime());
}
