import Router from "@koa/router";
import Keygrip from "keygrip";
import type Koa from "koa";
import mount from "koa-mount";
import getRawBody from "raw-body";
import type { KoaContextWithOIDC } from "oidc-provider";

import { admission, applicantOf } from "../domain/admission.js";
import type { Deps } from "../domain/deps.js";
import { errorFields } from "../domain/error-fields.js";
import { DatabaseAway, TooMany } from "../domain/errors.js";
import type { LogoutRequest, ReadLogout } from "../domain/logout-request.js";
import { hashSecret } from "../domain/secrets.js";
import type { Session } from "../domain/session.js";
import type { Subscriber } from "../domain/subscriber.js";
import { recordAdapter } from "./adapter.js";
import { answeredQuery, type BrowserState, Detour, judgeRequest } from "./authorize.js";
import { accountOf, ACR_OF_LEVEL, levelOfAcr } from "./claims.js";
import { clientMetadata, configurationOf, type OidcSettings, ROUTES } from "./configuration.js";
import { acceptDevice, denyDevice, type DeviceOwner, findDevice, type WaitingDevice } from "./device.js";
import { keepProvider } from "./keeper.js";
import { interactionPolicy, Provider } from "./library.js";
import { readLogoutRequest } from "./logout.js";
import { sidOf } from "./sid.js";

const DISCOVERY = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
/** Asked by programs of any origin, and the same for all of them. */
const PUBLIC = [...DISCOVERY, ROUTES.jwks];
/** Asked by clients, which show who they are: no cookie is read or set. */
const MACHINES = [
  ROUTES.token,
  ROUTES.revocation,
  ROUTES.introspection,
  ROUTES.pushed_authorization_request,
  ROUTES.userinfo,
  ROUTES.device_authorization,
];
/** It becomes an address, which has to fit into the head of a request. */
const MOST_POSTED = "8kb";
const PUBLIC_FOR = "public, max-age=300";
const CORS_HEADERS = ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers"];

type OidcDeps = Pick<
  Deps,
  | "applications"
  | "clients"
  | "clientSecrets"
  | "factors"
  | "memberships"
  | "oidcRecords"
  | "sessions"
  | "signingKeys"
  | "subscribers"
  | "log"
  | "now"
>;

/** What the provider takes from the web server around it. */
export interface OidcSite {
  /** Counts a request for a sign-in. @throws TooMany */
  countAuthorization(ctx: Koa.ParameterizedContext): Promise<void>;
  /** Counts a device's request for a code. @throws TooMany */
  countDeviceCode(ctx: Koa.ParameterizedContext): Promise<void>;
  /** From where a request comes: address and program. */
  originOf(ctx: Koa.ParameterizedContext): { readonly address: string; readonly browserLabel: string };
  /** The error by which a page says that an application asked wrongly. */
  refusal(error: string): Error;
  /** Answers with a form that the browser posts to the client. */
  showFormPost(ctx: Koa.ParameterizedContext, posted: FormPost): void;
}

/** An answer that goes to the client through a form. */
export interface FormPost {
  readonly to: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** What the web server mounts, and what its pages ask. */
export interface OpenId {
  /** Discovery, and what clients ask. */
  readonly machines: Router;
  /** Where browsers bring a client's request. Behind sessions. */
  readonly browsers: Router;
  /** Where a request goes on once its person agreed, or not; null when it is not of this browser. */
  wayOn(search: string, state: BrowserState, hasAgreed: boolean): string | null;
  /** @returns null where no device waits with the code that somebody typed. */
  findDevice(typed: string, owner: DeviceOwner): Promise<WaitingDevice | null>;
  /** @returns false when the device may not be let in, or was answered before. */
  acceptDevice(id: string, approved: DeviceOwner): Promise<boolean>;
  /** @returns false when the device was answered before. */
  denyDevice(id: string): Promise<boolean>;
  /** @returns null for a request that contradicts itself, or leads to an address that is not the client's. */
  readLogout(request: LogoutRequest, session: Session | null): Promise<ReadLogout | null>;
}

/** What was noted of a request while the library answered it. */
interface Noted {
  failure?: unknown;
  refused?: string;
  formPost?: FormPost;
}

/** Answers through a form are a page of ours, like every other page. */
class ProviderWithOurPages extends Provider {
  override registerResponseMode(...[name, handler]: Parameters<Provider["registerResponseMode"]>): void {
    super.registerResponseMode(name, name !== "form_post" ? handler : noteFormPost);
  }
}

function noteFormPost(ctx: KoaContextWithOIDC, to: string, fields: object): void {
  (ctx.state as Noted).formPost = { to, fields: fields as Record<string, string> };
  ctx.body = "";
}

/** The OpenID Connect provider. */
export function openIdProvider(deps: OidcDeps, settings: OidcSettings, site: OidcSite): OpenId {
  const { sessionKeys } = settings;
  const cookieKeys = new Keygrip([...sessionKeys], "sha256");

  /** R22: for a token, whether its owner is admitted now to the client that it was given to. */
  async function admittedBy(clientId: string, token: object): Promise<Subscriber | null> {
    const { accountId, sessionUid, scope, acr, authTime } = token as {
      [name in "accountId" | "sessionUid" | "scope" | "acr"]?: string;
    } & { authTime?: number };
    const [subscriber, application, signIn] = await Promise.all([
      deps.subscribers.find(accountId ?? ""),
      deps.applications.find(clientId),
      deps.sessions.findOfSignIn(sessionUid ?? "", deps.now()),
    ]);
    if (subscriber === null || application === null) return null;
    const mayOutlive = (scope ?? "").split(" ").includes("offline_access");
    if (signIn === null && !mayOutlive) return null;
    // What outlives its sign-in is judged by what it says of that one; an access token of a refresh a moment ago by nothing.
    const session: Pick<Session, "level" | "epoch" | "authenticatedAt"> = signIn ?? {
      level: (acr === undefined ? null : levelOfAcr(acr)) ?? application.level,
      epoch: subscriber.epoch,
      authenticatedAt: authTime === undefined ? deps.now() : new Date(authTime * 1000),
    };
    const applicant = await applicantOf(deps, session as Session, subscriber);
    return admission(application, applicant, deps.now()) === "yes" ? subscriber : null;
  }

  const policy = interactionPolicy.base();
  for (const prompt of policy) prompt.checks.clear();
  // The one check: whatever does not throw is answered with a code.
  policy.get("login")?.checks.add(
    new interactionPolicy.Check("admission", "", "login_required", async (ctx) => {
      const { session, client } = await judgeRequest(deps, sessionKeys, ctx);
      const { oidc } = ctx;
      const { Grant: grant } = oidc.entities;
      if (grant === undefined || oidc.session === undefined || oidc.params === undefined)
        throw new Error("the library has made no grant");
      const scopes = grantedScopes(ctx, client.mayStayOffline);
      oidc.params["scope"] = scopes.join(" ");
      grant.addOIDCScope(scopes.join(" "));
      grant.addOIDCClaims([...oidc.requestParamClaims]);
      Object.assign(grant, { sessionUid: session.signInId });
      oidc.session.grantIdFor(client.id, await grant.save());
      return false;
    }),
  );

  const keeper = keepProvider(deps, settings, (keys) => {
    const provider = new ProviderWithOurPages(
      settings.publicUrl,
      configurationOf(settings, {
        adapter: recordAdapter(deps, clientMetadata),
        jwks: { keys: keys },
        cookieKeys,
        deviceInfo: (ctx) => ({ ...site.originOf(ctx) }),
        async findAccount(ctx, sub, token) {
          const { subscriber: here } = ctx.state as unknown as Partial<BrowserState>;
          const owner = token === undefined ? (here ?? null) : await admittedBy(token.clientId ?? "", token);
          return owner?.id === sub ? accountOf(owner, await deps.memberships.list(owner.id)) : undefined;
        },
        isAdmitted: async (clientId, token) => (await admittedBy(clientId, token)) !== null,
        // Each request has a grant of its own, which ends with whatever a second use of its code ends (R35).
        loadExistingGrant: () => Promise.resolve(undefined),
        policy,
        renderError(ctx, out, error) {
          if (error instanceof Detour) {
            ctx.redirect(error.to);
            ctx.status = error.statusCode;
          } else if (ctx.path === ROUTES.authorization) (ctx.state as Noted).refused = out.error;
          else ctx.body = out;
        },
      }),
    );
    bindToSignIns(provider);
    // Of each secret there is only the hash, and there may be two while they change.
    provider.Client.prototype.compareClientSecret = function compareWithHashes(
      this: { clientId: string },
      given: string,
    ) {
      return deps.clientSecrets.isGood(this.clientId, hashSecret(given), deps.now());
    };
    provider.on("server_error", (ctx, error) => {
      (ctx.state as Noted).failure = error;
    });
    return { provider, answer: mount(provider) };
  });

  /** R33: the library makes its addresses of `href`, which is whatever the request line or `Host` says. */
  async function answerAs(ctx: Koa.ParameterizedContext, next: Koa.Next): Promise<void> {
    const { answer } = await keeper.current(ctx.path === ROUTES.jwks);
    Object.defineProperty(ctx.request, "href", { value: settings.publicUrl + ctx.path + ctx.search });
    const noted = ctx.state as Noted;
    await answer(ctx, next);
    if (noted.failure === undefined) return;
    if (noted.failure instanceof DatabaseAway) throw noted.failure;
    deps.log.error({ path: ctx.path, ...errorFields(noted.failure) }, "request failed");
  }

  /** R50: scripts of a client's own origins may read its answers; where nobody else asks, nothing is said of it. */
  async function refuseForeignScripts(ctx: Koa.ParameterizedContext): Promise<void> {
    const origin = ctx.get("Origin");
    const isOurs = async (): Promise<boolean> =>
      origin !== "" && (await deps.clients.list()).some(({ origins }) => origins.includes(origin));
    if (ctx.response.get("Access-Control-Allow-Origin") === "" || (await isOurs())) return;
    for (const name of CORS_HEADERS) ctx.remove(name);
  }

  const machines = new Router();
  machines.all(PUBLIC, async function answerEverybody(ctx, next) {
    await answerAs(ctx, next);
    if (ctx.status === 200) ctx.set("Cache-Control", PUBLIC_FOR);
  });
  machines.all(MACHINES, async function answerClient(ctx, next) {
    try {
      if (ctx.path === ROUTES.device_authorization) await site.countDeviceCode(ctx);
      await answerAs(ctx, next);
      await refuseForeignScripts(ctx);
    } catch (error) {
      if (!(error instanceof DatabaseAway) && !(error instanceof TooMany)) throw error;
      ctx.status = error instanceof TooMany ? 429 : 503;
      ctx.set("Retry-After", String(error instanceof TooMany ? error.retryAfterSeconds : 2));
      ctx.body = { error: "temporarily_unavailable" };
    }
  });

  // A form of a client's page comes from another site, without our Lax cookies: the same as GET brings them.
  machines.post([ROUTES.authorization, ROUTES.end_session], async function turnToGet(ctx) {
    if (ctx.is("application/x-www-form-urlencoded") === false) throw site.refusal("invalid_request");
    const body = await getRawBody(ctx.req, { limit: MOST_POSTED, encoding: "utf8" }).catch(() => null);
    if (body === null) throw site.refusal("invalid_request");
    ctx.redirect(`${ctx.path}?${new URLSearchParams(body).toString()}`);
    ctx.status = 303;
  });

  const browsers = new Router();
  browsers.get(ROUTES.authorization, async function answerBrowser(ctx, next) {
    await site.countAuthorization(ctx);
    await answerAs(ctx, next);
    const { refused, formPost } = ctx.state as Noted;
    if (refused !== undefined) throw site.refusal(refused);
    if (formPost !== undefined) site.showFormPost(ctx, formPost);
  });

  return {
    machines,
    browsers,
    wayOn(search, state, hasAgreed) {
      const query = answeredQuery(search, state, hasAgreed ? deps.now() : null, sessionKeys);
      return query === null ? null : ROUTES.authorization + query;
    },
    findDevice: (typed, owner) => findDevice(deps, typed, owner),
    denyDevice: (id) => denyDevice(deps, id),
    async acceptDevice(id, approved) {
      const { provider } = await keeper.current();
      return acceptDevice(deps, provider, id, approved);
    },
    async readLogout(request, session) {
      const { provider } = await keeper.current();
      return readLogoutRequest(provider, request, session);
    },
  };
}

/** What the request asks for, and what of that its client may have. */
function grantedScopes({ oidc, query }: KoaContextWithOIDC, mayStayOffline: boolean): string[] {
  const asked = (oidc.params?.["scope"] as string | undefined)?.split(" ") ?? [];
  // The library forgets this one unless the person is asked, too. Who may stay signed in is the operator's word here.
  const wantsOffline = [query["scope"]].flat().join(" ").split(" ").includes("offline_access");
  const others = asked.filter((scope) => scope !== "offline_access");
  return mayStayOffline && (wantsOffline || asked.includes("offline_access")) ? [...others, "offline_access"] : others;
}

/** The library's sessions are views of our sign-ins: they are never stored and have no cookie. */
function bindToSignIns(provider: Provider): void {
  const { Session: OfLibrary, Grant, Client } = provider;
  Object.assign(OfLibrary, {
    get(ctx: KoaContextWithOIDC) {
      const { session } = ctx.state as unknown as Partial<BrowserState>;
      const made = new (OfLibrary as unknown as new (payload?: object) => object)(
        session == null ? undefined : sessionPayload(session),
      );
      // It says of itself that it has ended, so that nothing is saved and no cookie is set.
      Object.defineProperty(made, "destroyed", { value: true });
      ctx.oidc.entity("Session", made);
      return Promise.resolve(made);
    },
  });
  Object.assign(OfLibrary.prototype, {
    sidFor(this: { uid: string }, clientId: string) {
      return sidOf(this.uid, clientId);
    },
  });
  // A grant knows its sign-in, as everything that comes of it does.
  const inPayload = [...(Grant as unknown as { IN_PAYLOAD: string[] }).IN_PAYLOAD, "sessionUid"];
  Object.defineProperty(Grant, "IN_PAYLOAD", { get: () => inPayload });
  Object.assign(Client.prototype, { includeSid: () => true });
}

function sessionPayload({ signInId, subscriberId, level, methods, authenticatedAt }: Session) {
  return {
    uid: signInId,
    accountId: subscriberId,
    loginTs: Math.floor(authenticatedAt.getTime() / 1000),
    acr: ACR_OF_LEVEL[level],
    amr: [...methods],
  };
}
