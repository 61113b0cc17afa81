import Router from "@koa/router";
import Keygrip from "keygrip";
import type Koa from "koa";
import mount from "koa-mount";

import { type Deps } from "../domain/deps.js";
import { errorFields } from "../domain/error-fields.js";
import { DatabaseAway } from "../domain/errors.js";
import { hashSecret } from "../domain/secrets.js";
import { recordAdapter } from "./adapter.js";
import { clientMetadata, configurationOf, type OidcSettings, ROUTES } from "./configuration.js";
import { keepProvider } from "./keeper.js";
import { interactionPolicy, Provider } from "./library.js";

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
const PUBLIC_FOR = "public, max-age=300";

type OidcDeps = Pick<Deps, "clients" | "clientSecrets" | "signingKeys" | "oidcRecords" | "log" | "now">;

/** What the web server mounts. */
export interface OpenIdRoutes {
  /** Discovery, and what clients ask. */
  readonly machines: Router;
}

/** The OpenID Connect provider. */
export function openIdProvider(deps: OidcDeps, settings: OidcSettings): OpenIdRoutes {
  const cookieKeys = new Keygrip([...settings.sessionKeys], "sha256");
  const policy = interactionPolicy.base();
  for (const { checks } of policy) checks.clear();

  const keeper = keepProvider(deps, settings, (keys) => {
    const provider = new Provider(
      settings.publicUrl,
      configurationOf(settings, {
        adapter: recordAdapter(deps, clientMetadata, () => null),
        jwks: { keys: keys },
        cookieKeys,
        findAccount: () => undefined,
        isAdmitted: () => Promise.resolve(false),
        loadExistingGrant: () => Promise.resolve(undefined),
        policy,
        renderError(ctx, out) {
          ctx.body = out;
        },
      }),
    );
    // Of each secret there is only the hash, and there may be two while they change.
    provider.Client.prototype.compareClientSecret = function compareWithHashes(
      this: { clientId: string },
      given: string,
    ) {
      return deps.clientSecrets.isGood(this.clientId, hashSecret(given), deps.now());
    };
    provider.on("server_error", (ctx, error) => {
      ctx.state["failure"] = error;
    });
    return { answer: mount(provider) };
  });

  /** R33: the library makes its addresses of `href`, which is whatever the request line or `Host` says. */
  async function answerAs(ctx: Koa.ParameterizedContext, next: Koa.Next): Promise<void> {
    const { answer } = await keeper.current(ctx.path === ROUTES.jwks);
    Object.defineProperty(ctx.request, "href", { value: settings.publicUrl + ctx.path + ctx.search });
    await answer(ctx, next);
    const { failure } = ctx.state as { failure?: unknown };
    if (failure === undefined) return;
    if (failure instanceof DatabaseAway) throw failure;
    deps.log.error({ path: ctx.path, ...errorFields(failure) }, "request failed");
  }

  const machines = new Router();
  machines.all(PUBLIC, async function answerEverybody(ctx, next) {
    await answerAs(ctx, next);
    if (ctx.status === 200) ctx.set("Cache-Control", PUBLIC_FOR);
  });
  machines.all(MACHINES, async function answerClient(ctx, next) {
    try {
      await answerAs(ctx, next);
    } catch (error) {
      if (!(error instanceof DatabaseAway)) throw error;
      ctx.status = 503;
      ctx.set("Retry-After", "2");
      ctx.body = { error: "temporarily_unavailable" };
    }
  });
  return { machines };
}
