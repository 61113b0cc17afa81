import { expireIfOver } from "./ask-provider.js";
import type { Attempt } from "./attempt.js";
import type { Deps } from "./deps.js";
import type { Session } from "./session.js";
import type { LiveStatus } from "./watched.js";
import { WATCHED, type WatchedDeps, type WatchedOwner } from "./watched-kinds.js";

/** What a browser proves by its cookies. */
export interface Asker {
  /** The sign-in that it started. */
  readonly attempt: Attempt | null;
  /** The session in which it is signed in. */
  readonly session: Session | null;
}

/** The present state of what a browser waits for, and by which right it may see it. */
export interface OwnStatus {
  readonly status: LiveStatus;
  readonly owner: WatchedOwner;
}

/** Finds what a browser waits for, of whatever kind; null where there is no such thing or it is somebody else's. */
export async function findOwnStatus(
  deps: WatchedDeps & Pick<Deps, "attempts">,
  id: string,
  asker: Asker,
): Promise<OwnStatus | null> {
  for (const rules of Object.values(WATCHED)) {
    const row = await rules.rows(deps).find(id);
    if (row === null) continue;
    const owner = await rules.ownerOf(deps, row);
    if (owner === null || asker[owner.kind]?.id !== owner.id) return null;
    return { status: rules.statusOf(await expireIfOver(deps, rules, row)), owner };
  }
  return null;
}
