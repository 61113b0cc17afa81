import type { Deps } from "./deps.js";
import type { Link, LinkPurpose } from "./mail.js";
import { hashSecret } from "./secrets.js";
import type { Subscriber } from "./subscriber.js";

/** A link that opens what it is for, and the account that it belongs to. */
export interface OpenLink {
  readonly link: Link;
  readonly subscriber: Subscriber;
}

/**
 * What a token opens now; nothing is spent. A link for a new password or for an address opens nothing after the account's
 * epoch, or that address, was left behind. The others are the owner's way back, and outlive both.
 *
 * @returns null for one that is used, late, of another purpose, or was never given: all of them alike.
 */
export async function findLink(
  { links, subscribers, now }: Pick<Deps, "links" | "subscribers" | "now">,
  purpose: LinkPurpose,
  token: string,
): Promise<OpenLink | null> {
  const link = await links.find(hashSecret(token));
  const subscriber = link === null ? null : await subscribers.find(link.subscriberId);
  if (link === null || subscriber === null || link.purpose !== purpose) return null;
  if (link.usedAt !== null || link.expiresAt <= now()) return null;
  return isBound(link, subscriber) ? { link, subscriber } : null;
}

function isBound({ purpose, epoch, address }: Link, subscriber: Subscriber): boolean {
  if (purpose === "undo" || purpose === "not-me") return true;
  if (subscriber.disabledAt !== null || epoch !== subscriber.epoch) return false;
  return address === subscriber.email || (purpose === "verify" && address === subscriber.pendingEmail);
}
