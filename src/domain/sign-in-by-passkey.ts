import type { Deps } from "./deps.js";
import { finishAlone } from "./finish-attempt.js";
import type { SessionBrowser, SignedIn } from "./open-session.js";
import { passkeyProof } from "./prove-passkey.js";

/** The browser in which somebody signs in by a passkey alone. */
export interface PasskeyBrowser extends Omit<SessionBrowser, "knownKey"> {
  readonly visitHash: string;
  /** The key by which the account knows this browser, once it is known whose account it is. */
  readonly knownKeyFor: (subscriberId: string) => string | null;
  readonly isKnown: (subscriberId: string) => Promise<boolean>;
}

/** What a browser needs to ask for any passkey of this site. @returns null where nobody signs in so. */
export async function askForAnyPasskey(
  { providers }: Pick<Deps, "providers">,
  visitHash: string,
): Promise<object | null> {
  return (await providers.passkey?.proves?.options({ purpose: "alone", of: visitHash }, null)) ?? null;
}

/**
 * Signs in by a passkey with nothing beside it: it says whose it is, and its owner has unlocked it. A disabled account is as good as
 * none.
 *
 * @returns null for whatever is refused.
 */
export async function signInByPasskey(
  deps: Deps,
  response: unknown,
  remember: boolean,
  browser: PasskeyBrowser,
): Promise<SignedIn | null> {
  const proven = await passkeyProof(deps, { purpose: "alone", of: browser.visitHash }, response, browser);
  const subscriber = proven === null ? null : await deps.subscribers.find(proven.subscriberId);
  if (proven === null || subscriber?.disabledAt !== null) return null;
  const { id: subscriberId, epoch } = subscriber;
  const isKnownBrowser = await browser.isKnown(subscriberId);
  const account = { subscriberId, epoch, isKnownBrowser, remember };
  return finishAlone(deps, account, proven.proof, { ...browser, knownKey: browser.knownKeyFor(subscriberId) });
}
