import assert from "node:assert/strict";
import { parse } from "node-html-parser";

import { authenticator, type Authenticator } from "./authenticator.js";
import { type Browser, openBrowser, type Page } from "./browser.js";
import type { EventStream } from "./event-stream.js";
import { waitingIn } from "./people.js";
import { openOwnPhone } from "./own-phone.js";
import type { Phone, PhoneRequest } from "./phone.js";
import { openPasskeyHolder, type PasskeyHolder, provePasskey } from "./passkeys.js";
import { readQrCode } from "./qr-code.js";

/** What a story needs to know about the program that it is told of. */
export interface Stage {
  readonly browser: Browser;
  readonly phone: Phone;
  /** Who settled a challenge: `callback`, `webhook`, `poll`, `clock` or `person`. */
  readonly settledBy: (challengeId: string) => Promise<string>;
  /** Told of each step as it is done. */
  readonly onStep?: (step: StoryStep) => void;
}

/** A stage with any phone that is asked and answers. */
export type AskedStage = Omit<Stage, "phone"> & {
  readonly phone: {
    openRequest(): Promise<Pick<PhoneRequest, "uuid" | "message" | "details">>;
    answer(uuid: string, action: "approve"): Promise<unknown>;
  };
};

/** What is enough for what needs no phone. */
export type Told = Pick<Stage, "browser" | "onStep">;

/** One line of the timeline. */
export interface StoryStep {
  readonly step: string;
  /** How long the step took, in milliseconds. */
  readonly ms: number;
  readonly settledBy?: string;
}

/** Somebody who signs in. */
export interface Credentials {
  readonly username: string;
  readonly email: string;
  readonly password: string;
}

/** A step of the story that didn't go as it should; the message is for people. */
export class StoryFailed extends Error {}

/**
 * Tells the whole story as a browser without JavaScript lives it, with the event stream beside it: register, enrol by
 * QR code, sign out, sign in and approve, disable.
 *
 * @returns the timeline.
 * @throws StoryFailed with the step that failed, and why.
 */
export async function tellStory(stage: Stage, who: Credentials): Promise<StoryStep[]> {
  const { told, steps } = timed(stage);
  await register(told, who);
  await enrol(told, who);
  await signOut(told);
  await signInByPush(told, who);
  await disable(told);
  await signOut(told);
  await signInByPassword(told, who);
  return steps;
}

/** A stage whose steps are kept as they are told. */
function timed<Part extends Told>(stage: Part): { readonly told: Part; readonly steps: StoryStep[] } {
  const steps: StoryStep[] = [];
  const told = {
    ...stage,
    onStep(step: StoryStep) {
      steps.push(step);
      stage.onStep?.(step);
    },
  };
  return { told, steps };
}

/** The same with any authenticator app in the place of a phone that is asked. */
export async function tellAppStory(stage: Told, who: Credentials): Promise<StoryStep[]> {
  const { told, steps } = timed(stage);
  await register(told, who);
  const app = await enrolApp(told, who);
  await signOut(told);
  await signInByCode(told, who, app);
  await disableByCode(told, app);
  await signOut(told);
  await signInByPassword(told, who);
  return steps;
}

/** The same with a passkey. */
export async function tellPasskeyStory(stage: Told, who: Credentials): Promise<StoryStep[]> {
  const { told, steps } = timed(stage);
  await register(told, who);
  const holder = await enrolPasskey(told, who);
  await signOut(told);
  await signInByPasskey(told, who, holder);
  await disableByPasskey(told, holder);
  await signOut(told);
  await signInByPassword(told, who);
  return steps;
}

/** The same with a phone of one's own, which signs its answers. */
export async function tellPhoneStory(stage: Omit<Stage, "phone">, who: Credentials): Promise<StoryStep[]> {
  const { told, steps } = timed(stage);
  await register(told, who);
  const asked = { ...told, phone: await enrolOwnPhone(told, who) };
  await signOut(told);
  await signInByPush(asked, who);
  await disable(asked);
  await signOut(told);
  await signInByPassword(told, who);
  return steps;
}

/** Two applications behind one sign-in. */
export interface Applications {
  /** The origin of one behind the gate. */
  readonly behindTheGate: string;
  /** The origin of one that speaks OpenID Connect. */
  readonly openIdConnect: string;
}

/** Opens one application, which asks for a sign-in, and another one, which needs none; signing out ends both. */
export async function tellApplicationsStory(
  stage: Stage,
  who: Credentials,
  { behindTheGate, openIdConnect }: Applications,
): Promise<StoryStep[]> {
  const { told, steps } = timed(stage);
  await register(told, who);
  await enrol(told, who);
  await signOut(told);
  const all = [stage.browser, openBrowser(behindTheGate), openBrowser(openIdConnect)];
  const isIn = ({ body }: Page): boolean => body.includes(`Signed in as <b>${who.username}</b>`);
  const login = await step(told, "open the application behind the gate", async () => {
    const page = await travel(all, behindTheGate);
    assert.equal(page.url.pathname, "/login", `the gate led to ${page.url.href}`);
    return page;
  });
  const waiting = await step(told, "sign in with the password", () =>
    stage.browser.submit(login, "/login", { username: who.username, password: who.password }),
  );
  assert.equal((await stage.phone.openRequest()).details["Application"], "Reports", "the push names no application");
  await approveAndFinish(told, waiting, "/login/approval", "approve: the phone names it", "finish signing in");
  await step(told, "go on to the application", async () => {
    assert.ok(isIn(await travel(all, `${stage.browser.origin}/continue`)), "the application does not know who it is");
  });
  await step(told, "open the second: no other sign-in", async () => {
    assert.ok(isIn(await travel(all, `${openIdConnect}/sign-in`)), "the second application does not know who it is");
  });
  await signOut(told);
  await step(told, "both applications are closed", async () => {
    assert.equal((await travel(all, behindTheGate)).url.pathname, "/login", "the gate is still open");
    assert.ok(!isIn(await travel(all, openIdConnect)), "the second application is still open");
  });
  return steps;
}

/** Opens a page and follows redirects, and pages that go on by themselves, from one origin to another. */
export async function travel(browsers: readonly Browser[], from: string): Promise<Page> {
  let url = new URL(from);
  for (let hops = 0; hops < 15; hops += 1) {
    const browser = browsers.find(({ origin }) => origin === url.origin);
    if (browser === undefined) throw new Error(`the way leads to ${url.origin}`);
    const answer = await browser.get(url.pathname + url.search);
    const html = parse(answer.body);
    const refresh = /url=(.+)$/.exec(html.querySelector('meta[http-equiv="refresh"]')?.getAttribute("content") ?? "");
    const to = answer.location === "" ? refresh?.[1] : answer.location;
    if (to === undefined) return { ...answer, url, html };
    url = new URL(to, url);
  }
  throw new Error(`${from} redirects in circles`);
}

/** Adds a phone of one's own by the letters below the QR code, and confirms that the digits are the same. @returns the phone. */
export async function enrolOwnPhone(
  stage: Omit<Stage, "phone">,
  who: Pick<Credentials, "password">,
): Promise<AskedStage["phone"]> {
  const { browser } = stage;
  const page = await step(stage, "show the QR code", () => beginEnrolment(browser, "phone", who));
  const { id } = waitingIn(page.body);
  const phone = openOwnPhone(browser.origin);
  await step(stage, "open it on the phone", async () => {
    const secret = page.html.querySelector("[data-typed]")?.text.replaceAll(" ", "") ?? "";
    const { status, body } = await phone.claim(secret);
    assert.equal(status, 200, `the phone's page was answered with ${status}`);
    const { digits } = JSON.parse(body) as { digits: string };
    const asking = await browser.visit("/account/two-factor/registration");
    assert.equal(asking.html.querySelector("[data-digits]")?.text.trim(), digits, "the digits differ");
  });
  await settledStep(stage, "confirm that the digits are the same", id, async () => {
    const asking = await browser.visit("/account/two-factor/registration");
    expectPage(await browser.submit(asking, "/account/two-factor/registration/confirm"), 200);
    assert.equal((await phone.open()).status, 200, "the phone's page stays closed");
  });
  return {
    async openRequest() {
      const [request] = await phone.requests();
      if (request === undefined) throw new StoryFailed("the phone's page shows no request");
      return { uuid: request.id, message: request.message, details: Object.fromEntries(request.details) };
    },
    async answer(uuid, action) {
      const request = (await phone.requests()).find(({ id }) => id === uuid);
      if (request === undefined) throw new StoryFailed("the request is over");
      const { status } = await phone.answer(request, action);
      assert.equal(status, 200, `the answer of the phone was answered with ${status}`);
    },
  };
}

/** Opens an account; the browser is signed in afterwards. */
export function register(stage: Told, who: Credentials): Promise<void> {
  return step(stage, "register", async () => {
    const form = await stage.browser.visit("/register");
    const page = await stage.browser.submit(form, "/register", { ...who });
    expectPage(page, 200);
    await expectSignedIn(stage.browser);
  });
}

/** Turns two-factor sign-in on: scans the QR code that the page shows and waits for the event. */
export async function enrol(stage: Stage, who: Credentials): Promise<void> {
  const { browser, phone } = stage;
  const page = await step(stage, "show the QR code", async () => {
    const question = await browser.visit("/account/two-factor");
    const asksPassword = question.html.querySelector('form [name="password"]') !== null;
    const start = "/account/two-factor/registration";
    return expectPage(await browser.submit(question, start, asksPassword ? { password: who.password } : {}), 200);
  });
  const { id, stream } = await openStream(browser, page);
  await settledStep(stage, "scan it with the phone", id, async () => {
    const picture = await browser.get("/account/two-factor/registration/qrcode.svg");
    await phone.scan(readQrCode(picture.body));
    await expectFinal(stream, "completed");
  });
}

/** Sets up an authenticator app: scans the QR code, and types what the app shows. @returns the app. */
export async function enrolApp(stage: Told, who: Pick<Credentials, "password">): Promise<Authenticator> {
  const { browser } = stage;
  const page = await step(stage, "show the QR code", () => beginEnrolment(browser, "totp", who));
  return step(stage, "set up the app and type its code", async () => {
    const picture = await browser.get("/account/two-factor/registration/qrcode.svg");
    const app = authenticator(readQrCode(picture.body));
    const code = await app.code();
    const done = await browser.submit(page, "/account/two-factor/registration/confirm", { code });
    assert.equal(done.html.querySelector("h1")?.text, "Your authenticator app is added");
    return app;
  });
}

async function beginEnrolment(
  browser: Browser,
  type: string,
  { password }: Pick<Credentials, "password">,
): Promise<Page> {
  const question = await browser.visit(`/account/two-factor?add=${type}`);
  const asksPassword = question.html.querySelector('form [name="password"]') !== null;
  return expectPage(
    await browser.submit(question, "/account/two-factor/registration", asksPassword ? { password } : {}),
    200,
  );
}

/** Signs in with the password and the code of an app. */
export async function signInByCode(stage: Told, who: Credentials, app: Authenticator): Promise<void> {
  const page = await step(stage, "sign in with the password", async () => {
    const asked = await submitPassword(stage.browser, who);
    assert.equal(asked.url.pathname, "/login/approval", "no code was asked for");
    return asked;
  });
  await step(stage, "type the code of the app", async () => {
    expectPage(await stage.browser.submit(page, "/login/code", { code: await app.code() }), 200);
    await expectSignedIn(stage.browser);
  });
}

/** Turns two-factor sign-in off again, which takes a code of its own. */
export async function disableByCode(stage: Told, app: Authenticator): Promise<void> {
  const { browser } = stage;
  const allowed = await step(stage, "type a code to disable", async () => {
    const explanation = await browser.visit("/account/two-factor/disable");
    const asked = await browser.submit(explanation, "/account/approval", { action: "disable-two-factor" });
    return expectPage(await browser.submit(asked, "/account/approval/code", { code: await app.code() }), 200);
  });
  await step(stage, "disable", async () => {
    expectPage(await browser.submit(allowed, "/account/two-factor/disable"), 200);
  });
}

/** Makes a passkey, as the page's script would. @returns what keeps it. */
export async function enrolPasskey(stage: Told, who: Pick<Credentials, "password">): Promise<PasskeyHolder> {
  const { browser } = stage;
  await step(stage, "ask for a passkey", async () => {
    const question = await browser.visit("/account/two-factor?add=passkey");
    const asksPassword = question.html.querySelector('form [name="password"]') !== null;
    const start = "/account/two-factor/registration";
    expectPage(await browser.submit(question, start, asksPassword ? { password: who.password } : {}), 200);
  });
  return step(stage, "make the passkey", async () => {
    const holder = openPasskeyHolder(browser.origin);
    const path = "/account/two-factor/registration/passkey";
    const { said } = await provePasskey(browser, path, (options) => holder.make(options));
    const done = await browser.visit(String(said["location"]));
    assert.equal(done.html.querySelector("h1")?.text, "Your passkey is added");
    return holder;
  });
}

/** Signs in with the password and a passkey. */
export async function signInByPasskey(stage: Told, who: Credentials, holder: PasskeyHolder): Promise<void> {
  await step(stage, "sign in with the password", async () => {
    const asked = await submitPassword(stage.browser, who);
    assert.equal(asked.url.pathname, "/login/approval", "no passkey was asked for");
  });
  await step(stage, "use the passkey", async () => {
    const { said } = await provePasskey(stage.browser, "/login/approval/passkey", (options) => holder.use(options));
    expectPage(await stage.browser.visit(String(said["location"])), 200);
    await expectSignedIn(stage.browser);
  });
}

/** Turns two-factor sign-in off again, which takes a passkey of its own. */
export async function disableByPasskey(stage: Told, holder: PasskeyHolder): Promise<void> {
  const { browser } = stage;
  const allowed = await step(stage, "use the passkey to disable", async () => {
    const explanation = await browser.visit("/account/two-factor/disable");
    await browser.submit(explanation, "/account/approval", { action: "disable-two-factor" });
    const { said } = await provePasskey(browser, "/account/approval/passkey", (options) => holder.use(options));
    return expectPage(await browser.visit(String(said["location"])), 200);
  });
  await step(stage, "disable", async () => {
    expectPage(await browser.submit(allowed, "/account/two-factor/disable"), 200);
  });
}

/** Ends the session. */
export function signOut({ browser, ...stage }: Told): Promise<void> {
  return step(stage, "sign out", async () => {
    expectPage(await browser.submit(await browser.visit("/account"), "/logout"), 200);
    const page = await browser.visit("/account");
    assert.notEqual(page.url.pathname, "/account", "the account page still opens after signing out");
  });
}

/** Signs in with the password and a tap on the phone. */
export async function signInByPush(stage: AskedStage, who: Credentials): Promise<void> {
  const page = await step(stage, "sign in with the password", async () => {
    const waiting = await submitPassword(stage.browser, who);
    assert.equal(waiting.url.pathname, "/login/approval", "no approval was asked for");
    return waiting;
  });
  await approveAndFinish(stage, page, "/login/approval", "approve on the phone", "finish signing in");
  await expectSignedIn(stage.browser);
}

/** Signs in where no phone is enrolled. */
export function signInByPassword(stage: Told, who: Credentials): Promise<void> {
  return step(stage, "sign in without the phone", async () => {
    expectPage(await submitPassword(stage.browser, who), 200);
    await expectSignedIn(stage.browser);
  });
}

/** Turns two-factor sign-in off again, which takes an approval of its own. */
export async function disable(stage: AskedStage): Promise<void> {
  const { browser } = stage;
  const page = await step(stage, "ask to disable", async () => {
    const explanation = await browser.visit("/account/two-factor/disable");
    return expectPage(await browser.submit(explanation, "/account/approval", { action: "disable-two-factor" }), 200);
  });
  const allowed = await approveAndFinish(stage, page, "/account/approval", "approve that, too", "finish the approval");
  await step(stage, "disable", async () => {
    expectPage(await browser.submit(allowed, "/account/two-factor/disable"), 200);
  });
}

async function submitPassword(browser: Browser, { username, password }: Credentials): Promise<Page> {
  return expectPage(await browser.submit(await browser.visit("/login"), "/login", { username, password }), 200);
}

async function approveAndFinish(
  stage: AskedStage,
  page: Page,
  base: string,
  approving: string,
  finishing: string,
): Promise<Page> {
  const { browser, phone } = stage;
  const { id, stream } = await openStream(browser, page);
  const request = await phone.openRequest();
  await settledStep(stage, approving, id, async () => {
    await phone.answer(request.uuid, "approve");
    await expectFinal(stream, "approved");
  });
  return step(stage, finishing, async () => {
    const approved = await browser.visit(base);
    const asksCode = approved.html.querySelector('[name="match_code"]') !== null;
    const code: Record<string, string> = asksCode ? { match_code: request.details["Code"] ?? "" } : {};
    const next = expectPage(await browser.submit(approved, `${base}/finish`, code), 200);
    assert.notEqual(next.url.pathname, base, "the approval was not taken");
    return next;
  });
}

async function openStream(browser: Browser, page: Page): Promise<{ id: string; stream: EventStream }> {
  const { id, events } = waitingIn(page.body);
  if (id === "") throw new StoryFailed(`${page.url.pathname} names no challenge to wait for`);
  const stream = browser.watch(events);
  await stream.first();
  return { id, stream };
}

async function expectFinal(stream: EventStream, expected: string): Promise<void> {
  const final = await stream.final();
  assert.equal(final, expected, `the event stream says ${final}, not ${expected}`);
}

async function expectSignedIn(browser: Browser): Promise<void> {
  const page = await browser.visit("/account");
  assert.equal(page.url.pathname, "/account", `the account page sends on to ${page.url.pathname}: nobody is signed in`);
  assert.equal(page.status, 200, `the account page answers ${page.status}`);
}

function expectPage(page: Page, status: number): Page {
  const title = page.html.querySelector("h1")?.text.trim();
  assert.equal(page.status, status, `${page.url.pathname} answers ${page.status}${title ? ` (${title})` : ""}`);
  return page;
}

async function settledStep(
  stage: Omit<Stage, "phone">,
  name: string,
  challengeId: string,
  act: () => Promise<void>,
): Promise<void> {
  const startedAt = performance.now();
  await naming(name, act);
  const ms = Math.round(performance.now() - startedAt);
  const settledBy = await naming(name, () => stage.settledBy(challengeId));
  stage.onStep?.({ step: name, ms, settledBy });
}

async function step<T>(stage: Pick<Stage, "onStep">, name: string, act: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await naming(name, act);
  stage.onStep?.({ step: name, ms: Math.round(performance.now() - startedAt) });
  return result;
}

async function naming<T>(name: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw new StoryFailed(`"${name}" failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
