import { databaseRows } from "../../../src/database/rows.js";
import { addClient } from "../../../src/domain/administer-clients.js";
import { newApplication } from "../../../src/domain/manage-applications.js";
import type { Ground } from "./malformed.js";

const SITE = "https://app.example.org";
const REDIRECT = "https://client.example/callback";
const FOR_ALL = { level: 1, maxAgeSeconds: null } as const;
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/** A request for a sign-in that is answered with a code, to begin others with. */
const REQUEST = `/oidc/authorize?client_id=client&response_type=code&scope=openid&redirect_uri=${encodeURIComponent(REDIRECT)}&code_challenge=${CHALLENGE}&code_challenge_method=S256`;

/** Gate and provider, with one site and one client that admit everyone. */
export const APPLICATIONS: Ground = {
  paths: [
    ...[
      "/.well-known/openid-configuration",
      "/.well-known/oauth-authorization-server",
      "/oidc/jwks",
      "/oidc/authorize",
    ],
    ...["/oidc/token", "/oidc/revoke", "/oidc/introspect", "/oidc/par", "/oidc/userinfo", "/oidc/device/authorize"],
    ...["/oidc/interaction/consent", "/oidc/interaction/phone", "/oidc/interaction/refused", "/oidc/interaction/x"],
    ...["/oidc/logout", "/oidc/logout/confirm", "/oidc/logout/success", "/oidc/nowhere", "/continue", "/login/again"],
    ...["/device", "/device/answer", "/device/done", "/device/approval", "/device/approval/finish"],
    ...["/account/applications", "/account/applications/client/end", "/sign-out", "/gate", "/auth-request"],
    ...["/forward-auth", "/.countersign/start", "/.countersign/callback", "/.countersign/sign-out", "/.countersign/x"],
    `/gate?site=${encodeURIComponent(SITE)}&visit=${"v".repeat(43)}`,
    ...[REQUEST, `${REQUEST}&state=s`, `${REQUEST}&prompt=none`],
  ],
  fields: [
    ...["client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"],
    ...["code_challenge", "code_challenge_method", "code_verifier", "code", "grant_type", "refresh_token", "token"],
    ...["device_code", "user_code", "id_token_hint", "post_logout_redirect_uri", "acr_values", "claims", "max_age"],
    ...["prompt", "login_hint", "ui_locales", "request", "request_uri", "client_assertion", "client_assertion_type"],
    ...["token_type_hint", "access_token", "resource", "registration", "display", "countersign", "next", "decision"],
    ...["found", "from", "site", "visit", "to", "again", "ticket", "__proto__", "a[b][c]", ""],
  ],
  headers: [
    ...["x-original-url", "x-original-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"],
    ...["x-forwarded-method", "authorization", "sec-fetch-mode", "access-control-request-method", "upgrade"],
  ],
  texts: [
    ...[SITE, `${SITE}/`, `${SITE}/a?b=c`, "https", "app.example.org", "GET", "POST", "/", "/inside?a=1", "navigate"],
    ...[
      "client",
      REDIRECT,
      "code",
      "openid",
      "openid offline_access groups",
      "S256",
      "plain",
      CHALLENGE,
      "none",
      "login",
    ],
    ...["0", "-1", "99999999999999999999", "authorization_code", "refresh_token", "client_credentials", "form_post"],
    ...[
      "urn:ietf:params:oauth:grant-type:device_code",
      "urn:ietf:params:oauth:request_uri:x",
      "fragment",
      "web_message",
    ],
    ...[
      "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      "a.b.c",
      "eyJhbGciOiJub25lIn0.e30.",
      "Bearer x",
      "Basic x",
    ],
    ...["Basic Y2xpZW50OnNlY3JldA==", "Basic JTAwOiUwMA==", "DPoP x", '{"id_token":{"acr":{"essential":true}}}'],
    ...['{"id_token":null,"userinfo":[]}', '{"id_token":{"acr":{"essential":true,"values":[{}]}}}', "BCDF-GHJK"],
  ],
  env: { LIMIT_AUTHORIZATIONS_PER_ADDRESS: "0", LIMIT_DEVICE_CODES: "0" },
  async prepare({ program }) {
    const rows = databaseRows(program.database);
    const at = new Date();
    const site = { ...FOR_ALL, name: "Site", admitted: [{ everyone: true }] } as const;
    await rows.applications.insert(newApplication(site, "site", "site", at));
    await rows.sites.insert({ applicationId: "site", origin: SITE, publicPaths: ["/open/*"], allowsPreflight: true });
    await addClient(
      { ...rows, now: () => at },
      {
        ...{ ...FOR_ALL, id: "client", name: "Client", kind: "device", redirectUris: [REDIRECT], jwks: null },
        ...{ logoutRedirectUris: [REDIRECT], backChannelUri: null, origins: ["https://client.example"] },
        ...{ asksConsent: false, mayStayOffline: true, admits: [{ everyone: true }] },
      },
    );
  },
};
