import type { JsonWebKey } from "node:crypto";

import type { Deps } from "../domain/deps.js";
import type { SigningKey } from "../domain/signing-key.js";
import type { OidcSettings } from "./configuration.js";
import { openKey, privateJwk, renewKeys } from "./keys.js";

/** How long keys are believed without another look. */
const LOOK_EVERY_MS = 1000;

/** One object of the library for the keys of this moment. */
export interface Keeper<Made> {
  /** @param isFresh - Whether the keys are looked at in any case: whoever asks for them must see the newest. */
  current(isFresh?: boolean): Promise<Made>;
}

/**
 * The library takes its keys when it is made: another set of keys means another object, and requests that are under way go on
 * with the one that they have.
 */
export function keepProvider<Made>(
  deps: Pick<Deps, "signingKeys" | "log" | "now">,
  settings: OidcSettings,
  make: (keys: readonly JsonWebKey[]) => Made,
): Keeper<Made> {
  let kept: { readonly of: string; readonly made: Made } | undefined;
  let lookedAt = -Infinity;

  async function openKeys(): Promise<readonly [string, JsonWebKey[]]> {
    const rows = await deps.signingKeys.list();
    const open = rows.map((row) => openKey(row, settings.sessionKeys)).filter((key) => key !== null);
    return [rows.map(nameOf).join(), open.map(privateJwk)];
  }

  return {
    async current(isFresh = false) {
      if (kept !== undefined && !isFresh && performance.now() - lookedAt < LOOK_EVERY_MS) return kept.made;
      const startedAt = performance.now();
      let [of, keys] = await openKeys();
      if (of !== kept?.of) {
        // `migrate` makes keys; a database that was put back, or other SESSION_KEYS, may have none that can be used.
        await renewKeys(deps, settings.sessionKeys, settings);
        [of, keys] = await openKeys();
        kept = { of, made: make(keys) };
      }
      lookedAt = startedAt;
      return kept.made;
    },
  };
}

function nameOf({ kid, state }: SigningKey): string {
  return `${kid} ${state}`;
}
