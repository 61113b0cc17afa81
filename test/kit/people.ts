import { randomUUID } from "node:crypto";

import type { ChallengeRow, FactorRow, SubscriberRow } from "../../src/database/schema.js";
import { callbackBody, registrationUrl, signCallback } from "./authy.js";
import { type Answer, type Browser, openBrowser } from "./browser.js";
import type { PhoneRequest } from "./phone.js";
import type { Program } from "./program.js";
import { until } from "./until.js";

/** Somebody with an account: their browser, their phone, and what they do with both. */
export interface Person {
  /** The account's id. */
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly password: string;
  /** The browser in which the account was opened: signed in, and known. What follows happens in it, or in another one. */
  readonly browser: Browser;
  /** 0 while no phone is enrolled. */
  readonly authyId: number;
  /** Enrols a phone without the pages of an enrolment. */
  addPhone(): Promise<void>;
  /** Types the password. @param more - What else stands in the form, or something else in place of the password. */
  login(browser?: Browser, more?: Readonly<Record<string, string>>): Promise<Answer>;
  /** All requests that ever came to the phone, the newest first. */
  requests(): Promise<PhoneRequest[]>;
  /** The newest open request; waits until one comes. */
  request(): Promise<PhoneRequest>;
  /** Answers the newest request on the phone. */
  answer(action: "approve" | "deny"): Promise<PhoneRequest>;
  /** Approves the newest request, and waits until the program knows. */
  tap(): Promise<PhoneRequest>;
  /** Approves the newest request, waits until it is known, and finishes, with the code where the phone shows one. */
  approve(browser?: Browser, base?: string): Promise<Answer>;
  /** A whole sign-in by push. */
  signIn(browser?: Browser): Promise<Answer>;
  /** A step-up by push. */
  stepUp(action: string, browser?: Browser): Promise<void>;
}

let people = 0;

/** Opens an account in a browser of its own, which is signed in afterwards. */
export async function register(program: Program, name?: string, browser = program.openBrowser()): Promise<Person> {
  people += 1;
  const username = name ?? `person${people}`;
  const form = { username, email: `${username}@example.com`, password: `violet harbour lantern ${people}` };
  const reply = await browser.post("/register", form);
  if (reply.status !== 303) throw new Error(`registering answered ${reply.status}`);
  const row = await program.database
    .getRepository<SubscriberRow>("subscriber")
    .findOneByOrFail({ usernameKey: username });
  return personOf(program, { ...form, browser, id: row.id }, row.createdAt);
}

/** Opens an account in a browser of its own, which is signed in afterwards, and enrols a phone. */
export async function enrol(program: Program, name?: string, browser?: Browser): Promise<Person> {
  const person = await register(program, name, browser);
  await person.addPhone();
  return person;
}

/** True while the browser is signed in. */
export async function isSignedIn(browser: Browser): Promise<boolean> {
  return (await browser.get("/account")).status === 200;
}

/** What a waiting page waits for. */
export interface Waiting {
  /** The challenge's id. */
  readonly id: string;
  /** The path of its event stream. */
  readonly events: string;
  /** The path that answers its status once. */
  readonly status: string;
}

/** @param html - A waiting page. */
export function waitingIn(html: string): Waiting {
  const read = (name: string): string => new RegExp(`data-${name}="([^"]+)"`).exec(html)?.[1] ?? "";
  return { id: read("challenge-id"), events: read("events"), status: read("status") };
}

/** The state that a waiting page shows. */
export function stateIn(html: string): string {
  return /data-state="([a-z]+)"/.exec(html)?.[1] ?? "none";
}

/** Types the password; signs out before where that is needed. */
export async function typePassword(person: Person): Promise<Answer> {
  if ((await person.browser.get("/login")).status === 303) await person.browser.post("/logout");
  return person.login(person.browser, { next: "/account" });
}

/** Types the password and opens the waiting page. */
export async function startSignIn(person: Person): Promise<Waiting> {
  const typed = await typePassword(person);
  if (typed.location !== "/login/approval") throw new Error(`the password was answered with ${typed.status}`);
  return waitingIn((await person.browser.get("/login/approval")).body);
}

export function challengeOf({ database }: Program, { id }: Pick<Waiting, "id">): Promise<ChallengeRow | null> {
  return database.getRepository<ChallengeRow>("challenge").findOneBy({ id });
}

/** Waits until a request on the phone has its outcome in the rows. */
export async function settled(program: Program, uuid: string): Promise<void> {
  const challenges = program.database.getRepository<ChallengeRow>("challenge");
  await until(async () => {
    const row = await challenges.findOneBy({ providerRef: uuid });
    return row !== null && row.state !== "pending" && row.state !== "creating";
  }, "the answer on the phone changed nothing");
}

/** Sends a callback as Authy would. */
export function sendCallback(
  { env, site }: Program,
  uuid: string,
  authyId: number | string,
  status: string,
): Promise<Answer> {
  const [key = "", url = ""] = [env["AUTHY_PRODUCTION_API_KEY"], env["AUTHY_CALLBACK_URL"]];
  const signed = signCallback(callbackBody(uuid, authyId, status), { key, url });
  return openBrowser(site).send("POST", "/webhooks/authy/onetouch", signed);
}

function personOf(
  program: Program,
  account: Pick<Person, "id" | "username" | "email" | "password" | "browser">,
  createdAt: Date,
): Person {
  const { phone, env } = program;
  const { id, username, password, browser: own } = account;
  let authyId = 0;
  const person: Person = {
    ...account,
    get authyId() {
      return authyId;
    },
    async addPhone() {
      const setting = (name: string): string => env[name] ?? "";
      const [key, app] = [setting("AUTHY_PRODUCTION_API_KEY"), setting("AUTHY_APP_NAME")];
      authyId = await phone.scan(registrationUrl(key, app, setting("AUTHY_APP_ID")));
      await program.database.getRepository<FactorRow>("factor").insert({
        ...{ id: randomUUID(), subscriberId: id, type: "authy-push", providerId: String(authyId), state: "active" },
        ...{ createdAt, removedAt: null, removedUpstreamAt: null },
      });
    },
    login: (browser = own, more = {}) => browser.post("/login", { username, password, ...more }),
    requests: () => phone.requests(authyId),
    request: () => phone.openRequest(authyId),
    async answer(action) {
      const request = await person.request();
      await phone.answer(request.uuid, action);
      return request;
    },
    async tap() {
      const request = await person.answer("approve");
      await settled(program, request.uuid);
      return request;
    },
    async approve(browser = own, base = "/login/approval") {
      const { details } = await person.tap();
      const code = details["Code"];
      return browser.post(`${base}/finish`, code === undefined ? {} : { match_code: code });
    },
    async signIn(browser = own) {
      const sent = await person.login(browser);
      if (sent.location !== "/login/approval") throw new Error(`no push was sent: ${sent.status} ${sent.location}`);
      return person.approve(browser);
    },
    async stepUp(action, browser = own) {
      await browser.post("/account/approval", { action });
      await person.approve(browser, "/account/approval");
    },
  };
  return person;
}
