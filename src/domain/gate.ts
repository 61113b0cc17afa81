import { type Admission, admission, applicantOf } from "./admission.js";
import { allOrNothing } from "./all-or-nothing.js";
import type { Application, Site } from "./application.js";
import type { Deps } from "./deps.js";
import { isPublicPath } from "./public-path.js";
import { hashSecret, newSecret } from "./secrets.js";
import { idleUntil, type Session } from "./session.js";
import type { Subscriber } from "./subscriber.js";

/** Carries a sign-in from our origin to a site's, once, in one browser. */
export interface GateTicket {
  readonly keyHash: string;
  readonly applicationId: string;
  readonly signInId: string;
  readonly subscriberId: string;
  /** Of the visit that the browser began at the site. */
  readonly visitHash: string;
  readonly expiresAt: Date;
  readonly usedAt: Date | null;
}

/** What the cookie of a site stands for. It lives as long as its sign-in, and there is no other list of what has ended. */
export interface GateSession {
  readonly keyHash: string;
  readonly applicationId: string;
  readonly signInId: string;
  readonly subscriberId: string;
  readonly createdAt: Date;
}

/** Who uses a site, in one read. */
export interface Guest {
  readonly session: Pick<
    Session,
    "id" | "subscriberId" | "level" | "epoch" | "address" | "isRemembered" | "expiresAt" | "seenAt" | "authenticatedAt"
  >;
  readonly subscriber: Pick<
    Subscriber,
    "id" | "username" | "email" | "emailVerifiedAt" | "epoch" | "disabledAt" | "mustChangePassword"
  >;
  readonly groups: readonly string[];
}

/** The rows of what the gate gives out. */
export interface Gate {
  /** A site with its application, in one read; null where nobody added that origin. */
  findSite(origin: string): Promise<{ readonly site: Site; readonly application: Application } | null>;
  insertTicket(ticket: Omit<GateTicket, "usedAt">): Promise<void>;
  findTicket(keyHash: string): Promise<GateTicket | null>;
  /** @returns true for the one caller that spent it: for its site, in its visit's browser and in time. */
  spendTicket(keyHash: string, applicationId: string, visitHash: string, now: Date): Promise<boolean>;
  insertSession(session: GateSession): Promise<void>;
  /** The session of a cookie at a site, as long as its sign-in lives. */
  findGuest(keyHash: string, applicationId: string, now: Date): Promise<Guest | null>;
  /** Where an account is signed in now: the applications, each with the first time. */
  listOfSubscriber(subscriberId: string, now: Date): Promise<Pick<GateSession, "applicationId" | "createdAt">[]>;
  /** Ends what an account holds at one application. @returns how many sessions there were. */
  endOfSubscriber(subscriberId: string, applicationId: string): Promise<number>;
  /** Ends all that an application holds. */
  endOfApplication(applicationId: string): Promise<void>;
}

/** A request that somebody sent to a site. */
export interface SiteRequest {
  readonly origin: string;
  readonly method: string;
  /** Path and query as they were sent. */
  readonly uri: string;
  /** Whether a browser asks before it sends a request of another origin. */
  readonly isPreflight: boolean;
  /** The value of the site's cookie; empty without one. */
  readonly key: string;
}

/** May this request pass? Whatever is not `unknown-site` names the site. */
export type GateAnswer =
  | { readonly kind: "unknown-site" }
  | {
      /** `public` needs nobody; its guest is there all the same where somebody is admitted. */
      readonly kind: Admission | "public";
      readonly site: Site;
      readonly application: Application;
      readonly guest: Guest | null;
    };

type GateDeps = Pick<Deps, "gate" | "sessions" | "settings" | "now">;

/** "Last seen" is written at most this often. */
const TOUCH_EVERY_MS = 60_000;

/** Asks for one request, in two indexed reads at most. Only what passes is activity of whoever is signed in. */
export async function askGate(deps: GateDeps, request: SiteRequest): Promise<GateAnswer> {
  const found = await deps.gate.findSite(request.origin);
  if (found === null) return { kind: "unknown-site" };
  const { site, application } = found;
  const at = deps.now();
  const guest = request.key === "" ? null : await deps.gate.findGuest(hashSecret(request.key), application.id, at);
  const reachableLevel = guest?.session.level ?? 1;
  const admitted = admission(application, guest && { ...guest, reachableLevel }, at);
  const [path = ""] = request.uri.split("?", 1);
  const isPublic =
    isPublicPath(site.publicPaths, request.method, path) || (site.allowsPreflight && request.isPreflight);
  if (admitted !== "yes")
    return { kind: isPublic ? "public" : admitted, site, application, guest: isPublic ? null : guest };
  if (guest !== null) await noteActivity(deps, guest.session, at);
  return { kind: isPublic ? "public" : "yes", site, application, guest };
}

async function noteActivity({ sessions, settings }: GateDeps, session: Guest["session"], at: Date): Promise<void> {
  const everyMs = Math.min(TOUCH_EVERY_MS, settings.sessionIdleSeconds * 250);
  if (at.getTime() - session.seenAt.getTime() >= everyMs)
    await sessions.touch(session.id, at, idleUntil(session, settings, at), session.address);
}

/**
 * Gives somebody who is admitted a ticket to a site.
 *
 * @returns the ticket, or why there is none.
 */
export async function issueTicket(
  deps: Deps,
  { site, application }: { readonly site: Site; readonly application: Application },
  session: Session,
  subscriber: Subscriber,
  visitHash: string,
): Promise<{ readonly ticket: string } | { readonly refusal: Exclude<Admission, "yes"> }> {
  const at = deps.now();
  const answer = admission(application, await applicantOf(deps, session, subscriber), at);
  if (answer !== "yes") return { refusal: answer };
  const ticket = newSecret();
  await deps.gate.insertTicket({
    keyHash: hashSecret(ticket),
    applicationId: site.applicationId,
    signInId: session.signInId,
    subscriberId: subscriber.id,
    visitHash,
    expiresAt: new Date(at.getTime() + deps.settings.gateTicketSeconds * 1000),
  });
  return { ticket };
}

/** What came of a ticket: the key of the site's cookie; or whose ticket it is, where the browser is another one. */
export type TicketTaken = { readonly kind: "taken"; readonly key: string } | { readonly kind: "other-visit" | "over" };

/**
 * Spends a ticket, in one transaction with the session that it opens. Where the sign-in ends at the same moment that session
 * is never found.
 */
export async function takeTicket(deps: Deps, site: Site, ticket: string, visit: string): Promise<TicketTaken> {
  const [keyHash, visitHash, { applicationId }] = [hashSecret(ticket), hashSecret(visit), site];
  const key = await allOrNothing(deps, async (inside) => {
    const at = inside.now();
    if (!(await inside.gate.spendTicket(keyHash, applicationId, visitHash, at))) return null;
    const spent = await inside.gate.findTicket(keyHash);
    if (spent === null) return null;
    const opened = newSecret();
    const { signInId, subscriberId } = spent;
    await inside.gate.insertSession({
      keyHash: hashSecret(opened),
      applicationId,
      signInId,
      subscriberId,
      createdAt: at,
    });
    return opened;
  });
  if (key !== null) return { kind: "taken", key };
  const left = await deps.gate.findTicket(keyHash);
  const isUsable = left?.applicationId === applicationId && left.usedAt === null && left.expiresAt > deps.now();
  return { kind: isUsable && left.visitHash !== visitHash ? "other-visit" : "over" };
}
