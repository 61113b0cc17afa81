// An application that speaks OpenID Connect, by openid-client (docs/openid-connect.md).
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import * as oidc from "openid-client";

const { PORT = "3200", ISSUER = "http://localhost:3000", CLIENT_ID = "wiki" } = process.env;
const HERE = `http://127.0.0.1:${PORT}`;
// Without https on this machine alone.
const execute = ISSUER.startsWith("https:") ? [] : [oidc.allowInsecureRequests];
const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, undefined, oidc.None(), { execute });

/** What this application knows of each browser, by its cookie. */
const browsers = new Map();

async function signIn(browser) {
  const [pkceCodeVerifier, expectedState] = [oidc.randomPKCECodeVerifier(), oidc.randomState()];
  browser.checks = { pkceCodeVerifier, expectedState };
  return oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${HERE}/callback`,
    scope: "openid profile",
    state: expectedState,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
}

/** Asks who it is for each page: whoever has signed out anywhere is signed out here, too. */
async function page({ tokens }) {
  const sub = tokens?.claims().sub;
  const who = tokens && (await oidc.fetchUserInfo(config, tokens.access_token, sub).catch(() => null));
  const told = who
    ? `Signed in as <b>${who.preferred_username}</b>. <a href="/sign-out">Sign out</a>`
    : `<a href="/sign-in">Sign in</a>`;
  return `<!doctype html><html lang="en"><title>Wiki</title><h1>Wiki</h1><p>${told}</p></html>`;
}

createServer(async (request, response) => {
  const id = /(?:^|; )wiki=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? randomUUID();
  const browser = browsers.get(id) ?? browsers.set(id, {}).get(id);
  const url = new URL(request.url, HERE);
  const leave = (to) =>
    response.writeHead(302, { location: String(to), "set-cookie": `wiki=${id}; HttpOnly; SameSite=Lax` }).end();
  try {
    if (url.pathname === "/sign-in") leave(await signIn(browser));
    else if (url.pathname === "/callback") {
      browser.tokens = await oidc.authorizationCodeGrant(config, url, browser.checks);
      leave("/");
    } else if (url.pathname === "/sign-out") {
      const hint = { id_token_hint: browser.tokens?.id_token ?? "", post_logout_redirect_uri: `${HERE}/` };
      leave(oidc.buildEndSessionUrl(config, hint));
    } else response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(await page(browser));
  } catch (error) {
    response.writeHead(502).end(`That did not work: ${error.message}\n`);
  }
}).listen(Number(PORT), "127.0.0.1", () => console.log(`Wiki listens at ${HERE}`));
