import type { KoaContextWithOIDC } from "oidc-provider";

import { type Admission, admission, type Applicant, applicantOf } from "../domain/admission.js";
import type { Application } from "../domain/application.js";
import type { Client } from "../domain/client.js";
import type { Deps } from "../domain/deps.js";
import type { AssuranceLevel, Session } from "../domain/session.js";
import type { Subscriber } from "../domain/subscriber.js";
import { type Asked, askedIn, plainQuery, withAsked } from "./asked.js";
import { ROUTES } from "./configuration.js";
import { type Demand, demandIn } from "./demand.js";
import { errors } from "./library.js";

/** What the web server knows of a browser's request. */
export interface BrowserState {
  readonly session: Session | null;
  readonly subscriber: Subscriber | null;
  readonly visit: string;
  readonly arrivedAt: Date;
}

type AuthorizeDeps = Pick<Deps, "applications" | "clients" | "oidcRecords" | "memberships" | "factors" | "now">;

/** The longest address that a sign-in brings back: a longer request is to be pushed (RFC 9126) in place of being carried. */
const MOST_CARRIED = 2000;
/** How long somebody's *yes* counts on its way back to the request. */
const CONSENT_FOR_MS = 120_000;

/** When somebody said no. */
const NEVER = new Date(0);

/** Where a browser has to go before its request is answered: a page of ours. The library takes it for an error. */
export class Detour extends Error {
  readonly expose = true;
  readonly allow_redirect = false;
  readonly statusCode = 303;
  constructor(readonly to: string) {
    super("detour");
  }
}

/** One request of a client for a sign-in. */
interface Request extends BrowserState {
  readonly client: Client;
  readonly application: Application;
  readonly demand: Demand;
  readonly prompts: ReadonlySet<string>;
  readonly maxAgeSeconds: number | null;
  readonly scope: string;
  readonly search: string;
  /** When it was first made, and whether its person agreed. */
  readonly asked: Asked;
}

/** A request that is answered with a code now. */
export interface Admitted {
  readonly session: Session;
  readonly client: Client;
}

/**
 * Judges a request that the library found well-formed: admission first, then what it asks of the sign-in, then consent.
 *
 * @throws Detour, or what the client is told.
 */
export async function judgeRequest(
  deps: AuthorizeDeps,
  sessionKeys: readonly string[],
  ctx: KoaContextWithOIDC,
): Promise<Admitted> {
  const request = await requestIn(deps, sessionKeys, ctx);
  const { client, session, subscriber, demand } = request;
  // R42: before anybody is asked to sign in for nothing.
  if (demand.isUnmeetable) throw new errors.UnmetAuthenticationRequirements("no such acr is known here");
  const carry = detours(request, sessionKeys);
  const applicant = session && subscriber && (await applicantOf(deps, session, subscriber));
  const answer = judge(request, applicant, deps.now());
  if (session === null || applicant === null || answer === "sign-in") {
    // Whoever is signed in and cannot be admitted needs a new password first.
    throw carry.unlessSilent(new errors.LoginRequired(), session === null ? "/login" : "/account/password");
  }
  if (answer === "refused")
    throw carry.unlessSilent(new errors.AccessDenied("not admitted"), "/oidc/interaction/refused");
  if (answer === "phone") {
    const isForRequest = applicant.reachableLevel >= request.application.level;
    if (isForRequest) throw new errors.UnmetAuthenticationRequirements("the account has nothing enrolled for it");
    throw carry.unlessSilent(new errors.InteractionRequired("the account has no phone"), "/oidc/interaction/phone");
  }
  if (answer === "again" || isTooOld(request, session, deps.now()))
    throw carry.unlessSilent(new errors.LoginRequired("a fresh sign-in is asked for"), "/login/again");
  if (demand.subjects.some((subject) => subject !== session.subscriberId))
    throw new errors.LoginRequired("somebody else is signed in");
  if (wantsBetter(request, applicant)) throw carry.unlessSilent(new errors.LoginRequired(), "/login/again");
  if (request.asked.consentedAt?.getTime() === NEVER.getTime()) throw new errors.AccessDenied("not agreed to");
  if (!(await hasConsent(deps, request, session)))
    throw carry.unlessSilent(new errors.ConsentRequired(), "/oidc/interaction/consent");
  return { session, client };
}

async function requestIn(
  deps: AuthorizeDeps,
  sessionKeys: readonly string[],
  ctx: KoaContextWithOIDC,
): Promise<Request> {
  const { oidc } = ctx;
  const { session, subscriber, visit, arrivedAt } = ctx.state as unknown as BrowserState;
  const clientId = oidc.client?.clientId ?? "";
  const [client, application] = await Promise.all([deps.clients.find(clientId), deps.applications.find(clientId)]);
  if (client === null || application === null) throw new errors.AccessDenied("no such application");
  const { acr_values: acrValues, max_age: maxAge, scope } = oidc.params as Partial<Record<string, string>>;
  const hint = oidc.entities.IdTokenHint as { payload?: { sub?: string } } | undefined;
  const asker = { visit, signInId: session?.signInId ?? null };
  return {
    ...{ client, application, session, subscriber, visit, arrivedAt, search: ctx.search },
    demand: demandIn(acrValues, oidc.claims.id_token, hint?.payload?.sub),
    prompts: oidc.prompts,
    maxAgeSeconds: maxAge === undefined ? null : Number(maxAge),
    scope: scope ?? "",
    asked: askedIn(ctx.search, asker, sessionKeys) ?? { at: arrivedAt, consentedAt: null },
  };
}

/** The ways to our pages, which lead back to the request. */
function detours({ prompts, search, asked, visit }: Request, sessionKeys: readonly string[]) {
  return {
    /** Whoever asked for no page gets an error in place of one. */
    unlessSilent(error: Error, page: string): Error {
      if (prompts.has("none")) return error;
      const query = withAsked(search, { ...asked, consentedAt: null }, { visit, signInId: null }, sessionKeys[0] ?? "");
      if (page.startsWith("/oidc/")) return new Detour(`${page}${query}`);
      const next = ROUTES.authorization + query;
      if (next.length > MOST_CARRIED)
        return new errors.InvalidRequest("too long to be carried through a sign-in: push it (RFC 9126)");
      return new Detour(`${page}?next=${encodeURIComponent(next)}`);
    },
  };
}

function judge({ application, demand }: Request, applicant: Applicant | null, now: Date): Admission {
  const level = Math.max(application.level, demand.essentialLevel ?? 1) as AssuranceLevel;
  return admission({ ...application, level }, applicant, now);
}

/** R41: in milliseconds of one clock, since a sign-in of the same second would look fresh. */
function isTooOld({ prompts, maxAgeSeconds, asked }: Request, { authenticatedAt }: Session, now: Date): boolean {
  const ageMs = now.getTime() - authenticatedAt.getTime();
  const asksFresh = prompts.has("login") || (maxAgeSeconds !== null && ageMs > maxAgeSeconds * 1000);
  return asksFresh && authenticatedAt <= asked.at;
}

/** A wish is met where that can be done, and asked for once. */
function wantsBetter({ demand, asked, prompts }: Request, { session, reachableLevel }: Applicant): boolean {
  const wished = demand.wishedLevels.find((level) => level <= Math.max(reachableLevel, session.level));
  if (wished === undefined || wished <= session.level || prompts.has("none")) return false;
  return session.authenticatedAt <= asked.at;
}

/** None for clients that the operator added, unless said otherwise; each time for native ones, which anybody can stand for. */
async function hasConsent(
  { oidcRecords, now }: Pick<Deps, "oidcRecords" | "now">,
  { client, prompts, asked, scope }: Request,
  { signInId }: Session,
): Promise<boolean> {
  const isAsked = client.kind === "native" || client.asksConsent || prompts.has("consent");
  if (!isAsked) return true;
  if (asked.consentedAt !== null && now().getTime() - asked.consentedAt.getTime() < CONSENT_FOR_MS) return true;
  if (client.kind === "native" || prompts.has("consent")) return false;
  const granted = await oidcRecords.grantedScopes(signInId, client.id);
  return scope.split(" ").every((each) => granted.includes(each));
}

/**
 * The query of a request whose person has just agreed, or not, for the way back to it.
 *
 * @returns null for a request that is not of this browser.
 */
export function answeredQuery(
  search: string,
  state: BrowserState,
  agreedAt: Date | null,
  sessionKeys: readonly string[],
): string | null {
  const { session, visit } = state;
  const asked = askedIn(search, { visit, signInId: null }, sessionKeys);
  if (session === null || asked === null) return null;
  const asker = { visit, signInId: session.signInId };
  return withAsked(plainQuery(search), { ...asked, consentedAt: agreedAt ?? NEVER }, asker, sessionKeys[0] ?? "");
}
