import { setTimeout as wait } from "node:timers/promises";

import { databaseRows } from "../../../src/database/rows.js";
import { newApplication } from "../../../src/domain/manage-applications.js";
import { addApplication, authorizationRequest, wayOut } from "../../kit/openid-client.js";
import type { Person } from "../../kit/people.js";
import type { Program } from "../../kit/program.js";
import { visitSite } from "../../kit/site-visitor.js";

const SITE = "https://app.example.org";
const PATIENCE_MS = 120_000;
const TRY_AGAIN_MS = 300;
const CLOSED_WITHIN_MS = 1000;

/** Where people of a storm go on to, and what came of it. */
export interface StormApplications {
  /** On to the one or the other, as somebody who is signed in. @returns how to see whether what they got is open yet. */
  goOn(person: Person, kind: "client" | "site"): Promise<() => Promise<boolean>>;
  /** After a sign-out: what was got is closed within a second. */
  expectClosed(isOpen: () => Promise<boolean>): Promise<void>;
  readonly reached: { client: number; site: number };
  readonly lost: readonly string[];
  readonly wrong: readonly string[];
}

/** Adds a client and a site that admit everyone who signed in with a phone. */
export async function openApplications(program: Program): Promise<StormApplications> {
  const rows = databaseRows(program.database);
  const forAll = { name: "Site", level: 2, maxAgeSeconds: null, admitted: [{ everyone: true }] } as const;
  await rows.applications.insert(newApplication(forAll, "site", "site", new Date()));
  await rows.sites.insert({ applicationId: "site", origin: SITE, publicPaths: [], allowsPreflight: false });
  const client = await addApplication(program);
  const reached = { client: 0, site: 0 };
  const lost: string[] = [];
  const wrong: string[] = [];

  /** Whatever breaks is tried again, as people do. @returns null when their patience ends. */
  async function patiently<T>(work: () => Promise<T | null>): Promise<T | null> {
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until) {
      const done = await work().catch(() => null);
      if (done !== null) return done;
      await wait(TRY_AGAIN_MS);
    }
    return null;
  }

  /** One answer of us that is no excuse. */
  async function statusOf(path: string, init: RequestInit): Promise<{ status: number; body: string }> {
    const answer = await fetch(program.site + path, init);
    const body = await answer.text();
    if (answer.status >= 500 || answer.status === 429) throw new Error(`${path} answered ${answer.status}`);
    return { status: answer.status, body };
  }

  async function toClient(person: Person): Promise<(() => Promise<boolean>) | null> {
    const { path, checks } = await authorizationRequest(client);
    const code = (await wayOut(person.browser, path))?.searchParams.get("code") ?? null;
    if (code === null) return null;
    const given = await statusOf("/oidc/token", {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}` },
      body: new URLSearchParams({
        ...{ grant_type: "authorization_code", code, redirect_uri: client.redirectUri },
        code_verifier: checks.pkceCodeVerifier,
      }),
    });
    if (given.status !== 200) return null;
    const { access_token: token } = JSON.parse(given.body) as { access_token: string };
    const ask = () => statusOf("/oidc/userinfo", { headers: { authorization: `Bearer ${token}` } });
    const told = await patiently(ask);
    if (told?.status !== 200) return null;
    if (!told.body.includes(person.id)) wrong.push(`a client was told of somebody else: ${told.body}`);
    return async () => (await ask()).status === 200;
  }

  async function toSite(person: Person): Promise<(() => Promise<boolean>) | null> {
    const visitor = visitSite(SITE, program.site);
    if ((await visitor.signIn(person.browser)).status !== 302) return null;
    const check = async () => {
      const answer = await visitor.check("/");
      if (answer.status >= 500) throw new Error(`a check answered ${answer.status}`);
      return answer;
    };
    const told = await patiently(check);
    if (told?.status !== 200) return null;
    if (told.headers["remote-user"] !== person.username)
      wrong.push(`a site was told of somebody else: ${String(told.headers["remote-user"])}`);
    return async () => (await check()).status === 200;
  }

  return {
    ...{ reached, lost, wrong },
    async goOn(person, kind) {
      const isOpen = await patiently(() => (kind === "client" ? toClient : toSite)(person));
      if (isOpen !== null) reached[kind] += 1;
      else lost.push(`${person.username} did not come to a ${kind}`);
      return isOpen ?? (() => Promise.resolve(false));
    },
    async expectClosed(isOpen) {
      const signedOutAt = performance.now();
      let open = await patiently(isOpen);
      while (open === true && performance.now() - signedOutAt < CLOSED_WITHIN_MS) {
        await wait(50);
        open = await patiently(isOpen);
      }
      if (open === true) wrong.push("what a sign-in opened is open a second after its end");
    },
  };
}
