import { randomBytes } from "node:crypto";
import type { Adapter, AdapterPayload, Configuration, KoaContextWithOIDC, UnknownObject } from "oidc-provider";
import type Keygrip from "keygrip";

import type { Client } from "../domain/client.js";
import { ACR_OF_LEVEL } from "./claims.js";

/** The settings of src/oidc. */
export interface OidcSettings {
  /** The issuer: how browsers and clients reach us. */
  readonly publicUrl: string;
  readonly isHttps: boolean;
  /** The first seals, all open. */
  readonly sessionKeys: readonly string[];
  readonly tokenSeconds: number;
  readonly refreshSeconds: number;
  readonly keySeconds: number;
}

/** Where the provider is asked, by the library's names. */
export const ROUTES = {
  authorization: "/oidc/authorize",
  code_verification: "/device",
  device_authorization: "/oidc/device/authorize",
  end_session: "/oidc/logout",
  introspection: "/oidc/introspect",
  jwks: "/oidc/jwks",
  pushed_authorization_request: "/oidc/par",
  revocation: "/oidc/revoke",
  token: "/oidc/token",
  userinfo: "/oidc/userinfo",
} as const;

/** How long a code can be exchanged. */
export const CODE_SECONDS = 60;

/** How long a device waits to be let in. */
const DEVICE_SECONDS = 600;

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** R39: the library wants some secret of a client that has one. Nothing is ever compared with this one. */
const NO_SECRET = randomBytes(32).toString("base64url");

/** What the library is told of a client. */
export function clientMetadata(client: Client): AdapterPayload {
  const { id, kind } = client;
  const auth = { secret: "client_secret_basic", key: "private_key_jwt" } as Partial<Record<Client["kind"], string>>;
  return {
    client_id: id,
    ...(kind === "secret" ? { client_secret: NO_SECRET } : {}),
    ...(client.jwks === null ? {} : { jwks: JSON.parse(client.jwks) as { keys: [] } }),
    token_endpoint_auth_method: (auth[kind] ?? "none") as "none",
    application_type: kind === "native" ? "native" : "web",
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...client.logoutRedirectUris],
    ...(client.backChannelUri === null
      ? {}
      : { backchannel_logout_uri: client.backChannelUri, backchannel_logout_session_required: true }),
    ...(kind === "device" && client.redirectUris.length === 0
      ? { response_types: [], grant_types: [DEVICE_GRANT, "refresh_token"] }
      : {
          response_types: ["code"] as const,
          grant_types: ["authorization_code", "refresh_token", ...(kind === "device" ? [DEVICE_GRANT] : [])],
        }),
    origins: [...client.origins],
  };
}

/** What the configuration asks of the rest of the room. */
export interface ProviderParts {
  readonly adapter: (model: string) => Adapter;
  readonly jwks: NonNullable<Configuration["jwks"]>;
  readonly cookieKeys: Keygrip;
  /** From where a device asks. */
  readonly deviceInfo: (ctx: KoaContextWithOIDC) => UnknownObject;
  readonly findAccount: NonNullable<Configuration["findAccount"]>;
  readonly isAdmitted: (clientId: string, token: object) => Promise<boolean>;
  readonly loadExistingGrant: NonNullable<Configuration["loadExistingGrant"]>;
  readonly policy: NonNullable<NonNullable<Configuration["interactions"]>["policy"]>;
  readonly renderError: NonNullable<Configuration["renderError"]>;
}

/** Every helper of the library has its place here: those that are left out write to the console. */
export function configurationOf(settings: OidcSettings, parts: ProviderParts): Configuration {
  const { tokenSeconds, refreshSeconds } = settings;
  const unused = (): never => {
    throw new Error("this page of the library is never served");
  };
  return {
    acrValues: Object.values(ACR_OF_LEVEL),
    adapter: parts.adapter,
    allowOmittingSingleRegisteredRedirectUri: false,
    claims: {
      openid: ["sub", "acr", "amr", "auth_time", "sid"],
      profile: ["preferred_username", "name"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    clientBasedCORS: (_ctx, origin, client) => (client["origins"] as readonly string[]).includes(origin),
    conformIdTokenClaims: false,
    cookies: { keys: parts.cookieKeys, names: { session: "countersign-oidc" } },
    enabledJWA: {
      clientAuthSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"],
      idTokenSigningAlgValues: ["RS256", "ES256"],
    },
    // What ends with a sign-in is not found by the adapter: the library has no session to look at.
    expiresWithSession: () => Promise.resolve(false),
    extraClientMetadata: { properties: ["origins"] },
    features: {
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      deviceFlow: {
        enabled: true,
        // Our own pages take its place; the library only makes and exchanges codes.
        ...{ userCodeInputSource: unused, userCodeConfirmSource: unused, successSource: unused },
        ...{ charset: "base-20", mask: "****-****", deviceInfo: parts.deviceInfo },
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      introspection: {
        enabled: true,
        // R22: a token counts while its owner is admitted to the client that it was given to.
        allowedPolicy: async (_ctx, client, token) =>
          (client.clientAuthMethod !== "none" || token.clientId === client.clientId) &&
          parts.isAdmitted(token.clientId ?? "", token),
      },
      pushedAuthorizationRequests: { enabled: true },
      resourceIndicators: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => Promise.resolve(token.clientId === client.clientId),
      },
      rpInitiatedLogout: { enabled: true, logoutSource: unused, postLogoutSuccessSource: unused },
      userinfo: { enabled: true },
    },
    fetch: () => Promise.reject(new Error("the provider asks nobody for anything")),
    findAccount: parts.findAccount,
    interactions: { policy: parts.policy, url: unused },
    issueRefreshToken: (_ctx, client) => Promise.resolve(client.grantTypeAllowed("refresh_token")),
    jwks: parts.jwks,
    loadExistingGrant: parts.loadExistingGrant,
    pkce: { required: () => true },
    renderError: parts.renderError,
    responseTypes: ["code"],
    // R55: whatever is revoked takes its grant along, so that nothing that is being made at that moment counts.
    revokeGrantPolicy: () => true,
    // R36: always another one.
    rotateRefreshToken: true,
    routes: ROUTES,
    scopes: ["openid", "offline_access", "profile", "email", "groups"],
    subjectTypes: ["public"],
    ttl: {
      AccessToken: tokenSeconds,
      AuthorizationCode: CODE_SECONDS,
      DeviceCode: DEVICE_SECONDS,
      Grant: refreshSeconds + tokenSeconds,
      IdToken: tokenSeconds,
      Interaction: CODE_SECONDS,
      // However often it is rotated: the first one's time counts.
      RefreshToken: (ctx) => ctx.oidc.entities.RotatedRefreshToken?.remainingTTL ?? refreshSeconds,
      Session: CODE_SECONDS,
    },
  };
}
