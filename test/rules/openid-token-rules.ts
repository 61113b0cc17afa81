import assert from "node:assert/strict";
import { it } from "node:test";
import * as oidc from "openid-client";

import type { OidcRecordRow } from "../../src/database/schema.js";
import { askForTokens, addApplication, authorizationRequest, opens, signInTo, wayOut } from "../kit/openid-client.js";
import { enrol, type Person } from "../kit/people.js";
import type { Program } from "../kit/program.js";

const AT_ONCE = 50;

/** Somebody who is signed in with the phone. */
async function signedIn(program: Program): Promise<Person> {
  const person = await enrol(program);
  await person.browser.post("/logout");
  await person.signIn();
  return person;
}

/** What must be true of codes and tokens, on either database. */
export function tokenRules(program: Program): void {
  const { site } = program;

  async function codeFor(person: Person, application: Awaited<ReturnType<typeof addApplication>>, more = {}) {
    const { path, checks } = await authorizationRequest(application, more);
    const back = await wayOut(person.browser, path);
    return {
      grant_type: "authorization_code",
      code: back?.searchParams.get("code") ?? "",
      redirect_uri: application.redirectUri,
      code_verifier: checks.pkceCodeVerifier,
    };
  }
  const refreshing = (token: string) => ({ grant_type: "refresh_token", refresh_token: token });

  it("R35 gives one set of tokens for a code that is used 50 times at once, and ends them at a later use", async () => {
    const [person, application] = [await signedIn(program), await addApplication(program)];
    const code = await codeFor(person, application);
    const all = await Promise.all(Array.from({ length: AT_ONCE }, () => askForTokens(application, site, code)));
    const won = all.filter((each) => each !== null);
    assert.equal(won.length, 1);
    const [first] = won;
    assert.equal(await opens(site, first?.access_token ?? ""), true);
    const records = program.database.getRepository<OidcRecordRow>("oidcRecord");
    await records.update(
      { model: "AuthorizationCode", subscriberId: person.id },
      { consumedAt: new Date(Date.now() - 61_000) },
    );
    assert.equal(await askForTokens(application, site, code), null);
    assert.equal(await opens(site, first?.access_token ?? ""), false);
    assert.equal(await askForTokens(application, site, refreshing(first?.refresh_token ?? "")), null);
  });

  it("R35 ends what a code gave at the next use of it, and not at that of another client", async () => {
    const [person, application] = [await signedIn(program), await addApplication(program)];
    const code = await codeFor(person, application);
    const first = await askForTokens(application, site, code);
    assert.equal(await askForTokens(await addApplication(program), site, code), null);
    assert.equal(await opens(site, first?.access_token ?? ""), true);
    assert.equal(await askForTokens(application, site, code), null);
    assert.equal(await opens(site, first?.access_token ?? ""), false);
    assert.equal(await askForTokens(application, site, refreshing(first?.refresh_token ?? "")), null);
  });

  it("R36 gives one set of tokens for a refresh token that is used 50 times at once, and ends them at a late second use", async () => {
    const [person, application] = [await signedIn(program), await addApplication(program)];
    const given = await signInTo(application, person.browser);
    const refresh = refreshing(given.refresh_token ?? "");
    const all = await Promise.all(Array.from({ length: AT_ONCE }, () => askForTokens(application, site, refresh)));
    const won = all.filter((each) => each !== null);
    assert.equal(won.length, 1);
    // Within ten seconds an answer may have been lost: nothing ends.
    assert.equal(await askForTokens(application, site, refresh), null);
    assert.equal(await opens(site, won[0]?.access_token ?? ""), true);
    const records = program.database.getRepository<OidcRecordRow>("oidcRecord");
    await records.update(
      { model: "RefreshToken", subscriberId: person.id },
      { consumedAt: new Date(Date.now() - 11_000) },
    );
    assert.equal(await askForTokens(application, site, refresh), null);
    assert.equal(await opens(site, won[0]?.access_token ?? ""), false);
  });

  it("R44 finds no code, token or refresh of a sign-in that has ended, and R45 leaves other applications alone", async () => {
    const person = await signedIn(program);
    const [one, other] = [await addApplication(program), await addApplication(program)];
    const [given, kept] = [await signInTo(one, person.browser), await signInTo(other, person.browser)];
    const page = (await person.browser.visit("/account/applications")).body;
    for (const { id } of [one, other]) assert.match(page, new RegExp(`Application ${id}`));
    const left = await addApplication(program);
    const ended = await signInTo(left, person.browser);
    await person.browser.post(`/account/applications/${left.id}/end`);
    assert.equal(await opens(site, ended.access_token), false);
    const code = await codeFor(person, one);
    await person.browser.visit(`/oidc/logout?client_id=${one.id}`);
    await person.browser.post(`/oidc/logout/confirm?client_id=${one.id}`, { from: "application" });
    assert.deepEqual([await opens(site, given.access_token), await opens(site, kept.access_token)], [false, true]);
    assert.equal(await askForTokens(one, site, code), null);
    const again = await codeFor(person, other);
    await person.browser.post("/logout");
    assert.equal(await opens(site, kept.access_token), false);
    assert.equal(await askForTokens(other, site, again), null);
    assert.equal(await askForTokens(other, site, refreshing(kept.refresh_token ?? "")), null);
  });

  it("R48 lets a device in after an approval that names it, and nothing without one", async () => {
    const [person, thief] = [await signedIn(program), await signedIn(program)];
    const application = await addApplication(program, { name: "Television", kind: "device", redirectUris: [] });
    const asked = await oidc.initiateDeviceAuthorization(application.config, { scope: "openid profile" });
    const polled = () =>
      askForTokens(application, site, {
        ...{ grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: asked.device_code },
        client_id: application.id,
      });
    const records = program.database.getRepository<OidcRecordRow>("oidcRecord");
    const kept = JSON.stringify(await records.find());
    for (const secret of [asked.device_code, asked.user_code, asked.user_code.replace("-", "")])
      assert.equal(kept.includes(secret), false);

    const stranger = program.openBrowser();
    const complete = new URL(asked.verification_uri_complete ?? "");
    assert.equal(complete.origin, site);
    const path = complete.pathname + complete.search;
    assert.match((await stranger.get(path)).location, /^\/login\?next=%2Fdevice%3Fuser_code/);
    assert.equal((await person.browser.visit("/device?user_code=BBBB-BBBB")).status, 404);

    const typed = await person.browser.submit(await person.browser.visit("/device"), "/device", {
      user_code: asked.user_code.toLowerCase().replace("-", " "),
    });
    assert.match(typed.body, /Television/);
    assert.match(typed.body, new RegExp(asked.user_code));
    const waiting = await person.browser.submit(typed, "/device/answer", { decision: "yes" });
    assert.equal(waiting.url.pathname, "/device/approval");
    const { details, message } = await person.request();
    assert.deepEqual(
      [details["Application"], details["Action"], message],
      ["Television", "Sign in Television on a device", "Countersign test: Sign in on a device?"],
    );
    assert.equal(await polled(), null);
    // An approval that is not there yet opens nothing, and no other act's does.
    await person.browser.post("/device/approval/finish");
    assert.equal(await polled(), null);
    const finished = await person.approve(person.browser, "/device/approval");
    assert.equal(finished.location, "/device/done");
    assert.match((await person.browser.visit("/device/done")).body, /The device is signed in/);
    // Nobody else gets it, nor is it answered again.
    assert.equal((await thief.browser.visit(path)).status, 404);
    const tokens = await oidc.pollDeviceAuthorizationGrant(application.config, { ...asked, interval: 0 });
    assert.deepEqual([tokens.claims()?.sub, tokens.claims()?.["acr"]], [person.id, "urn:countersign:acr:phone"]);
    assert.equal(await opens(site, tokens.access_token), true);
    await person.browser.post("/logout");
    assert.equal(await opens(site, tokens.access_token), false);
  });

  it("R48 tells a device that its person said no, and R35 gives a device code's tokens once", async () => {
    const person = await signedIn(program);
    const application = await addApplication(program, { kind: "device", redirectUris: [] });
    const ask = () => oidc.initiateDeviceAuthorization(application.config, { scope: "openid" });
    const refused = await ask();
    const page = await person.browser.visit(`/device?user_code=${refused.user_code}`);
    await person.browser.submit(page, "/device/answer", { decision: "no" });
    await assert.rejects(
      oidc.pollDeviceAuthorizationGrant(application.config, { ...refused, interval: 0 }),
      (error: { error?: string }) => error.error === "access_denied",
    );
    assert.equal((await person.requests()).length, 1);

    const asked = await ask();
    const confirm = await person.browser.visit(`/device?user_code=${asked.user_code}`);
    await person.browser.submit(confirm, "/device/answer", { decision: "yes" });
    await person.approve(person.browser, "/device/approval");
    const fields = {
      ...{ grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: asked.device_code },
      client_id: application.id,
    };
    const all = await Promise.all(Array.from({ length: AT_ONCE }, () => askForTokens(application, site, fields)));
    assert.equal(all.filter((each) => each !== null).length, 1);
  });

  it("R46 gives another account in the same browser nothing of the first", async () => {
    const [person, other, application] = [
      await signedIn(program),
      await signedIn(program),
      await addApplication(program),
    ];
    const given = await signInTo(application, person.browser);
    await other.signIn(person.browser);
    assert.equal(await opens(site, given.access_token), false);
    const claims = (await signInTo(application, person.browser)).claims();
    assert.equal(claims?.sub, other.id);
    assert.notEqual(claims["sid"], given.claims()?.["sid"]);
  });

  it("R55 ends what came of a refresh by revoking the token that was refreshed, however soon", async () => {
    const [person, application] = [await signedIn(program), await addApplication(program)];
    const given = await signInTo(application, person.browser);
    const fresh = await askForTokens(application, site, refreshing(given.refresh_token ?? ""));
    await oidc.tokenRevocation(application.config, given.refresh_token ?? "");
    for (const token of [given.access_token, fresh?.access_token ?? ""]) assert.equal(await opens(site, token), false);
    assert.equal(await askForTokens(application, site, refreshing(fresh?.refresh_token ?? "")), null);
  });

  it("R55 leaves no token after a refresh beside a sign-out or a revocation", async () => {
    const application = await addApplication(program);
    for (const kind of ["sign-out", "revocation"] as const) {
      const person = await signedIn(program);
      const given = await signInTo(application, person.browser, {});
      const end =
        kind === "sign-out"
          ? () => person.browser.post("/logout")
          : () => oidc.tokenRevocation(application.config, given.access_token);
      const [, fresh] = await Promise.all([
        end(),
        askForTokens(application, site, refreshing(given.refresh_token ?? "")),
      ]);
      for (const token of [given.access_token, fresh?.access_token ?? ""])
        assert.equal(await opens(site, token), false, kind);
      if (fresh !== null) assert.equal(await askForTokens(application, site, refreshing(fresh.refresh_token)), null);
    }
  });
}
