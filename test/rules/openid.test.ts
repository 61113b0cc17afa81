import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import * as oidc from "openid-client";

import { databaseRows } from "../../src/database/rows.js";
import { hashSecret } from "../../src/domain/secrets.js";
import { addApplication, authorizationRequest, opens, signInTo, wayOut } from "../kit/openid-client.js";
import { enrol, register } from "../kit/people.js";
import { startProgram } from "../kit/program.js";

interface Discovery {
  readonly issuer: string;
  readonly jwks_uri: string;
}

const program = await startProgram({ after }, { webs: 2, balanced: true, workers: 0 });
const PHONE = "urn:countersign:acr:phone";

describe("the OpenID Connect provider", () => {
  it("R33 names addresses of PUBLIC_URL alone, whatever a request says of itself", async () => {
    const browser = program.openBrowser();
    const path = "/.well-known/openid-configuration";
    const claims = { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https", forwarded: "host=evil.example" };
    for (const answer of [
      await browser.get(path, claims),
      await browser.get("/.well-known/oauth-authorization-server", claims),
      await browser.send("GET", `http://evil.example${path}`),
    ]) {
      assert.equal(answer.status, 200);
      const urls = answer.body.match(/https?:\/\/[^"]+/g) ?? [];
      assert.ok(urls.length > 8 && urls.every((url) => url.startsWith(program.site)), urls.join(" "));
    }
    assert.equal((await browser.get(path, { host: "evil.example" })).status, 421);
  });

  it("R49 shows the same keys in every process, to every origin and for five minutes", async () => {
    const keys = new Set<string>();
    for (const { port } of program.webs) {
      const answer = await fetch(`http://127.0.0.1:${port}/oidc/jwks`, { headers: { origin: "https://else.example" } });
      assert.equal(answer.headers.get("cache-control"), "public, max-age=300");
      assert.equal(answer.headers.get("access-control-allow-origin"), "https://else.example");
      keys.add(await answer.text());
    }
    assert.equal(keys.size, 1);
    const discovery = (await (await fetch(`${program.site}/.well-known/openid-configuration`)).json()) as Discovery;
    assert.deepEqual([discovery.issuer, discovery.jwks_uri], [program.site, `${program.site}/oidc/jwks`]);
  });

  it("R43 tells an application who signed in and how, after a sign-in that began with its request and named it on the phone", async () => {
    const application = await addApplication(program, { name: "Wiki" });
    const person = await enrol(program);
    await person.browser.post("/logout");
    const { path, checks } = await authorizationRequest(application);
    const asked = await person.browser.get(path);
    assert.match(asked.location, /^\/login\?next=%2Foidc%2Fauthorize/);
    const next = new URL(asked.location, program.site).searchParams.get("next") ?? "";
    await person.login(person.browser, { next });
    assert.equal((await person.request()).details["Application"], "Wiki");
    const finished = await person.approve();
    assert.equal(finished.location, "/continue");
    const back = await wayOut(person.browser, "/continue");
    assert.equal(back?.origin, new URL(application.redirectUri).origin);
    const tokens = await oidc.authorizationCodeGrant(application.config, back, checks);
    const claims = tokens.claims();
    assert.ok(claims !== undefined);
    assert.deepEqual([claims.sub, claims["acr"], claims["preferred_username"]], [person.id, PHONE, person.username]);
    assert.deepEqual(
      (claims["amr"] as string[]).filter((method) => method !== "otp"),
      ["pwd", "mca", "mfa"],
    );
    assert.deepEqual([claims["email"], claims["email_verified"], claims["groups"]], [person.email, false, []]);
    assert.equal(typeof claims["sid"], "string");
    assert.ok(Math.abs(Date.now() / 1000 - Number(claims["auth_time"])) < 60);
    const userinfo = await oidc.fetchUserInfo(application.config, tokens.access_token, person.id);
    assert.deepEqual([userinfo.preferred_username, userinfo["groups"]], [person.username, []]);
  });

  it("R22 goes on with a request after a new password that the account had to have first", async () => {
    const application = await addApplication(program, { level: 1 });
    const person = await register(program);
    await program.database.getRepository("subscriber").update({ id: person.id }, { mustChangePassword: true });
    const { path, checks } = await authorizationRequest(application);
    const asked = await person.browser.visit(path);
    assert.equal(asked.url.pathname, "/account/password");
    const form = { current_password: person.password, password: "another lantern of this harbour" };
    const page = await person.browser.submit(asked, "/account/password", form);
    assert.equal(page.url.pathname, "/continue");
    const back = await wayOut(person.browser, "/continue");
    assert.ok(back !== null);
    const tokens = await oidc.authorizationCodeGrant(application.config, back, checks);
    assert.equal(tokens.claims()?.sub, person.id);
  });

  it("R22 R23 sends nobody on who is not admitted, or has shown too little", async () => {
    const person = await register(program);
    const strict = await addApplication(program);
    const { path } = await authorizationRequest(strict);
    assert.match((await person.browser.get(path)).location, /^\/oidc\/interaction\/phone\?/);
    assert.equal((await person.browser.visit(path)).status, 200);
    for (const values of ["urn:countersign:acr:password", PHONE]) {
      const asking = await authorizationRequest(strict, { acr_values: values });
      assert.match((await person.browser.get(asking.path)).location, /^\/oidc\/interaction\/phone\?/);
    }
    const closed = await addApplication(program, { level: 1, admits: [{ group: "staff" }] });
    const refused = await person.browser.visit((await authorizationRequest(closed)).path);
    assert.equal(refused.status, 403);
    const open = await addApplication(program, { level: 1 });
    // What a client calls essential may ask for more than the operator did, and never for less.
    const lesser = JSON.stringify({ id_token: { acr: { essential: true, value: "urn:countersign:acr:password" } } });
    const { path: asksLess } = await authorizationRequest(strict, { claims: lesser });
    assert.match((await person.browser.get(asksLess)).location, /^\/oidc\/interaction\/phone\?/);
    const tokens = await signInTo(open, person.browser);
    assert.deepEqual([tokens.claims()?.["acr"], tokens.claims()?.["amr"]], ["urn:countersign:acr:password", ["pwd"]]);
  });

  it("R22 asks at the code, the token, the refresh and userinfo whether somebody is admitted yet", async () => {
    const application = await addApplication(program, { level: 1, admits: [{ group: "staff" }] });
    const person = await register(program);
    const groups = databaseRows(program.database).memberships;
    await groups.add(person.id, "staff", new Date());
    const given = await signInTo(application, person.browser);
    const { path, checks } = await authorizationRequest(application);
    const back = await wayOut(person.browser, path);
    const counts = async () => (await oidc.tokenIntrospection(application.config, given.access_token)).active;
    assert.deepEqual([await opens(program.site, given.access_token), await counts()], [true, true]);
    await groups.remove(person.id, "staff");
    assert.deepEqual([await opens(program.site, given.access_token), await counts()], [false, false]);
    assert.ok(back !== null);
    await assert.rejects(oidc.authorizationCodeGrant(application.config, back, checks));
    await assert.rejects(oidc.refreshTokenGrant(application.config, given.refresh_token ?? ""));
    assert.equal(await wayOut(person.browser, (await authorizationRequest(application)).path), null);
    await groups.add(person.id, "staff", new Date());
    assert.equal(await opens(program.site, given.access_token), true);
  });

  it("R39 knows secrets of 256 bits by their hash, which opens nothing, and signs with no shared secret", async () => {
    const application = await addApplication(program);
    assert.equal(Buffer.from(application.secret, "base64url").length, 32);
    const answer = async (secret: string): Promise<number> => {
      const authorization = `Basic ${Buffer.from(`${application.id}:${secret}`).toString("base64")}`;
      const body = new URLSearchParams({ token: "none" });
      const asked = await fetch(`${program.site}/oidc/introspect`, {
        method: "POST",
        headers: { authorization },
        body,
      });
      return asked.status;
    };
    assert.deepEqual([await answer(application.secret), await answer(hashSecret(application.secret))], [200, 401]);
    const discovery = await (await fetch(`${program.site}/.well-known/openid-configuration`)).text();
    assert.doesNotMatch(discovery, /HS(256|384|512)|client_secret_jwt/);
  });

  it("R54 calls an address verified once an operator says so", async () => {
    const application = await addApplication(program, { level: 1 });
    const person = await register(program);
    const isVerified = async () => (await signInTo(application, person.browser)).claims()?.["email_verified"];
    assert.equal(await isVerified(), false);
    await databaseRows(program.database).subscribers.noteVerifiedEmail(person.id, new Date());
    assert.equal(await isVerified(), true);
  });

  it("R34 writes no row for a stranger's request, and R42 says at once what cannot be met", async () => {
    const application = await addApplication(program);
    const rows = () =>
      program.database.query<unknown[]>("SELECT id FROM oidc_records UNION ALL SELECT id FROM sessions");
    const before = (await rows()).length;
    const stranger = program.openBrowser();
    const { path } = await authorizationRequest(application);
    assert.match((await stranger.get(path)).location, /^\/login\?next=/);
    const silent = await authorizationRequest(application, { prompt: "none" });
    assert.match((await stranger.get(silent.path)).location, /[?&]error=login_required/);
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: "urn:else" } } });
    const unmeetable = await authorizationRequest(application, { claims });
    assert.match((await stranger.get(unmeetable.path)).location, /[?&]error=unmet_authentication_requirements/);
    assert.equal((await rows()).length, before);
  });

  it("R37 R38 R52 refuse requests without PKCE, and any other redirect address", async () => {
    const application = await addApplication(program);
    const person = await enrol(program);
    const { path } = await authorizationRequest(application);
    const plain = path.replace(/&code_challenge(_method)?=[^&]*/g, "");
    assert.match((await person.browser.get(plain)).location, /[?&]error=invalid_request/);
    for (const more of [null, "/", "?x=1", ".evil.example", "/../callback"]) {
      const changed = new URL(path, program.site);
      if (more === null) changed.searchParams.delete("redirect_uri");
      else changed.searchParams.set("redirect_uri", application.redirectUri + more);
      const answer = await person.browser.get(changed.pathname + changed.search);
      assert.deepEqual([answer.status, answer.location], [400, ""]);
      // R52: the page is ours.
      assert.match(answer.body, /The application asked wrongly/);
    }
    const left = (to: string) =>
      person.browser.get(`/oidc/logout?client_id=${leaving.id}&post_logout_redirect_uri=${encodeURIComponent(to)}`);
    const leaving = await addApplication(program, { logoutRedirectUris: ["https://own.example/left"] });
    assert.deepEqual(
      [(await left("https://own.example/left")).status, (await left("https://own.example/")).status],
      [200, 400],
    );
  });

  it("R41 R47 asks the same person once more where a fresh sign-in is wanted", async () => {
    const application = await addApplication(program);
    const person = await enrol(program);
    await person.browser.post("/logout");
    await person.signIn();
    const first = await signInTo(application, person.browser);
    const { path, checks } = await authorizationRequest(application, { prompt: "login" });
    const asked = await person.browser.get(path);
    assert.match(asked.location, /^\/login\/again\?next=/);
    const next = new URL(asked.location, program.site).searchParams.get("next") ?? "";
    // R47: nobody else's browser goes on with it, though its own sign-in is of later.
    const other = await enrol(program);
    await other.browser.post("/logout");
    await other.signIn();
    assert.match((await other.browser.get(next)).location, /^\/login\/again\?next=/);
    assert.equal(await wayOut(person.browser, next), null);
    await person.browser.post("/login/again", { password: person.password, next });
    await person.approve();
    const back = await wayOut(person.browser, "/continue");
    assert.ok(back !== null);
    const claims = (await oidc.authorizationCodeGrant(application.config, back, checks)).claims();
    assert.deepEqual([claims?.sub, claims?.["sid"]], [person.id, first.claims()?.["sid"]]);
    assert.ok(Number(claims?.["auth_time"]) >= Number(first.claims()?.["auth_time"]));
  });

  it("R41 takes no sign-in of the same second for a fresh one", async () => {
    const application = await addApplication(program, { level: 1 });
    const person = await register(program);
    await signInTo(application, person.browser);
    for (const more of [{ prompt: "login" }, { max_age: "0" }]) {
      const authenticatedAt = new Date();
      await program.database.getRepository("session").update({ subscriberId: person.id }, { authenticatedAt });
      const { path } = await authorizationRequest(application, more);
      assert.match((await person.browser.get(path)).location, /^\/login\/again\?next=/);
    }
  });

  it("R40 keeps no code, token or secret in the rows, and R50 answers scripts of a client's own origins alone", async () => {
    const application = await addApplication(program, { origins: ["https://own.example"] });
    const person = await enrol(program);
    await person.browser.post("/logout");
    await person.signIn();
    const given = await signInTo(application, person.browser);
    const all = JSON.stringify([
      await program.database.query("SELECT * FROM oidc_records"),
      await program.database.query("SELECT * FROM client_secrets"),
    ]);
    for (const text of [given.access_token, given.refresh_token ?? "none", application.secret])
      assert.equal(all.includes(text), false);
    await addApplication(program, { origins: ["https://other.example"] });
    for (const [origin, allowed] of [
      ["https://own.example", "https://own.example"],
      ["https://other.example", null],
      ["https://else.example", null],
    ] as const) {
      const headers = { authorization: `Bearer ${given.access_token}`, origin };
      const answer = await fetch(`${program.site}/oidc/userinfo`, { headers });
      assert.equal(answer.headers.get("access-control-allow-origin"), allowed);
    }
    // Before a client is known nobody is told anything but scripts of some client's own origin.
    for (const [origin, allowed] of [
      ["https://own.example", "https://own.example"],
      ["https://else.example", null],
    ] as const) {
      const answer = await fetch(`${program.site}/oidc/token`, { method: "POST", headers: { origin } });
      assert.equal(answer.headers.get("access-control-allow-origin"), allowed);
    }
  });

  it("R53 answers malformed requests with a clear 4xx", async () => {
    const browser = program.openBrowser();
    for (const path of [
      "/oidc/authorize",
      "/oidc/authorize?client_id=%00",
      "/oidc/authorize?client_id=a&client_id=b",
      "/oidc/authorize?request_uri=urn:ietf:params:oauth:request_uri:x&client_id=none",
      "/oidc/logout?id_token_hint=x.y.z&client_id=none",
      "/oidc/interaction/consent",
    ]) {
      const { status } = await browser.get(path);
      assert.ok(status < 500, `${path}: ${status}`);
    }
    for (const body of [
      "",
      "grant_type=",
      "grant_type=authorization_code&client_id=%E0%A4%A",
      "a".repeat(70_000),
      "token=x",
    ])
      for (const path of [
        "/oidc/token",
        "/oidc/revoke",
        "/oidc/introspect",
        "/oidc/par",
        "/oidc/authorize",
        "/oidc/userinfo",
      ]) {
        const headers = { "content-type": "application/x-www-form-urlencoded", authorization: "Basic !!" };
        const { status } = await browser.send("POST", path, { headers, body });
        assert.ok(status < 500, `${path}: ${status}`);
      }
  });
});
