import * as oidc from "openid-client";

import { databaseRows } from "../../src/database/rows.js";
import { addClient, type NewClient } from "../../src/domain/administer-clients.js";
import type { Browser } from "./browser.js";
import type { Program } from "./program.js";

/** An application that signs people in with openid-client, and where it wants to get its codes. */
export interface TestApplication {
  readonly id: string;
  readonly secret: string;
  readonly config: oidc.Configuration;
  readonly redirectUri: string;
}

let applications = 0;

/** Adds an application that admits everyone, unless said otherwise. */
export async function addApplication(
  program: Program,
  given: Partial<NewClient> = {},
  issuer = program.site,
): Promise<TestApplication> {
  applications += 1;
  const id = given.id ?? `app${applications}`;
  const redirectUri = given.redirectUris?.[0] ?? `https://${id}.example/callback`;
  const secret = await addClient(
    { ...databaseRows(program.database), now: () => new Date() },
    {
      ...{ id, name: `Application ${id}`, kind: "secret", redirectUris: [redirectUri] },
      ...{ logoutRedirectUris: [], backChannelUri: null, origins: [], jwks: null },
      ...{ asksConsent: false, mayStayOffline: false, level: 2, maxAgeSeconds: null, admits: [{ everyone: true }] },
      ...given,
    },
  );
  if (secret === null) throw new Error(`there is an application ${id} already`);
  const config = await oidc.discovery(new URL(issuer), id, secret === "" ? undefined : secret, undefined, {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the program of a test speaks plain http on loopback
    execute: [oidc.allowInsecureRequests],
  });
  return { id, secret, config, redirectUri };
}

/** A request of an application for a sign-in, and what it needs to take the answer. */
export interface AuthorizationRequest {
  /** Path and query at our origin. */
  readonly path: string;
  readonly checks: {
    readonly pkceCodeVerifier: string;
    readonly expectedState: string;
    readonly expectedNonce: string;
  };
}

/** What the application sends a browser away with. */
export async function authorizationRequest(
  { config, redirectUri }: TestApplication,
  more: Readonly<Record<string, string>> = {},
): Promise<AuthorizationRequest> {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    ...{ redirect_uri: redirectUri, scope: "openid profile email groups", state: expectedState, nonce: expectedNonce },
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { path: url.pathname + url.search, checks: { pkceCodeVerifier, expectedState, expectedNonce } };
}

/** Follows redirects and leaving pages of ours until the way leads out. @returns where to; null where a page stops it. */
export async function wayOut(browser: Browser, path: string): Promise<URL | null> {
  for (let hops = 0, at = path; hops < 12; hops += 1) {
    const { location, body } = await browser.get(at);
    const next = location === "" ? /http-equiv="refresh" content="0; url=([^"]+)"/.exec(body)?.[1] : location;
    if (next === undefined) return null;
    const to = new URL(next.replaceAll("&amp;", "&"), browser.origin);
    if (to.origin !== browser.origin) return to;
    at = to.pathname + to.search;
  }
  throw new Error(`${path} redirects in circles`);
}

/** A whole sign-in of somebody who is signed in here already. */
export async function signInTo(
  application: TestApplication,
  browser: Browser,
  more: Readonly<Record<string, string>> = {},
): Promise<oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers> {
  const { path, checks } = await authorizationRequest(application, more);
  const back = await wayOut(browser, path);
  if (back === null) throw new Error("a page stands in the way");
  return oidc.authorizationCodeGrant(application.config, back, checks);
}

/** Uses a code or a refresh token once, as the application would. @returns the tokens; null where it is refused. */
export async function askForTokens(
  { id, secret }: TestApplication,
  site: string,
  fields: Readonly<Record<string, string>>,
): Promise<{ readonly access_token: string; readonly refresh_token: string } | null> {
  const answer = await fetch(`${site}/oidc/token`, {
    method: "POST",
    headers: secret === "" ? {} : { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` },
    body: new URLSearchParams(fields),
  });
  // A crowd at once may find the database busy, which gives nobody anything.
  if (answer.status >= 500 && answer.status !== 503) throw new Error(`the token endpoint answered ${answer.status}`);
  return answer.ok ? ((await answer.json()) as { access_token: string; refresh_token: string }) : null;
}

/** Whether an access token opens anything. */
export async function opens(site: string, accessToken: string): Promise<boolean> {
  const answer = await fetch(`${site}/oidc/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } });
  await answer.text();
  if (answer.status >= 500) throw new Error(`userinfo answered ${answer.status}`);
  return answer.status === 200;
}
