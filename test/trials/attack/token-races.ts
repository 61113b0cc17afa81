import * as oidc from "openid-client";

import { databaseRows } from "../../../src/database/rows.js";
import { newApplication } from "../../../src/domain/manage-applications.js";
import { type Browser, openBrowser } from "../../kit/browser.js";
import { addApplication, authorizationRequest, type TestApplication, wayOut } from "../../kit/openid-client.js";
import { seededRandom } from "../../kit/random.js";
import { type Visitor, visitSite } from "../../kit/site-visitor.js";
import { type Attack, inParallel } from "./attack.js";
import { type AttackedProgram, attackProgram, PASSWORD, type Target } from "./attacked-program.js";

const LANES = 6;
const SITE = "https://app.example.org";
const GROUP = "staff";

/** What ends in a trial: all that the sign-in opened, or what one client got of it before. */
type Ending = "sign-out" | "revocation" | "leaving" | "dismissal";
const ENDINGS: readonly Ending[] = ["sign-out", "sign-out", "revocation", "leaving", "dismissal"];

/** Codes, refreshes, new requests and checks of the gate, all at the moment at which what they rest on ends. */
export const tokenRaces: Attack = {
  name: "token-races",
  what: "races of code, refresh, sign-out, revocation and admission",
  full: 10_000,
  short: 30,
  run: (count, progress) =>
    attackProgram({ LIMIT_AUTHORIZATIONS_PER_ADDRESS: "0" }, async (attacked) => {
      const { program } = attacked;
      // SQLite answers one process without a pause between two statements: only another process gets between them.
      const sites = [program.site, (await program.startWeb()).site];
      const rows = databaseRows(program.database);
      const admitted = { level: 1, maxAgeSeconds: null } as const;
      const site = { ...admitted, name: "Site", admitted: [{ everyone: true }] } as const;
      await rows.applications.insert(newApplication(site, "site", "site", new Date()));
      await rows.sites.insert({ applicationId: "site", origin: SITE, publicPaths: [], allowsPreflight: false });
      const client = await addApplication(program, { level: 1, admits: [{ group: GROUP }] });
      const free = await attacked.addTargets(LANES, { withPhone: false });
      const { below: roll } = seededRandom(23);
      const violations: string[] = [];
      let given = 0;
      await inParallel(
        count,
        LANES,
        async (at) => {
          const target = free.pop();
          if (target === undefined) throw new Error("more lanes than people");
          await rows.memberships.add(target.id, GROUP, new Date());
          const ending = ENDINGS[at % ENDINGS.length] ?? "sign-out";
          const told = await trial({ attacked, sites, client, target, roll }, ending);
          given += told.given;
          for (const each of told.violations) violations.push(`trial ${at}, ${ending}: ${each}`);
          free.push(target);
        },
        progress,
      );
      const shown = violations.length === 0 ? "" : `: ${violations.slice(0, 3).join("; ")}`;
      return {
        seen: `${violations.length} tokens, codes and cookies that open anything${shown} (${given} tokens were given in time)`,
        allowed: "0 afterwards",
        isKept: violations.length === 0 && given > 0,
      };
    }),
};

interface Ring {
  readonly attacked: AttackedProgram;
  readonly sites: readonly string[];
  readonly client: TestApplication;
  readonly target: Target;
  readonly roll: (below: number) => number;
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

async function trial(ring: Ring, ending: Ending): Promise<{ violations: string[]; given: number }> {
  const { attacked, sites, client, target, roll } = ring;
  const anywhere = (): string => sites[roll(sites.length)] ?? attacked.site;
  const browser = attacked.openBrowser();
  await browser.post("/login", { username: target.username, password: PASSWORD });
  const at = (): Browser => openBrowser(anywhere(), { cookies: browser.cookies, token });
  const token = await browser.token();
  const visitor = visitSite(SITE, attacked.site);
  await visitor.signIn(browser);
  const first = await exchange(ring, attacked.site, await codeFor(client, browser));
  if (first === null) throw new Error("a trial has to begin with tokens");
  const [code, later] = [await codeFor(client, browser), await codeFor(client, browser)];

  const got: { readonly tokens: Tokens; readonly isOfFirst: boolean }[] = [{ tokens: first, isOfFirst: true }];
  const note =
    (isOfFirst: boolean) =>
    (tokens: Tokens | null): void => {
      if (tokens !== null) got.push({ tokens, isOfFirst });
    };
  let newest = visitor;
  const codes: Readonly<Record<string, string>>[] = [code, later];
  const moves: readonly (() => Promise<unknown>)[] = [
    () => exchange(ring, anywhere(), code).then(note(false)),
    () => exchange(ring, anywhere(), code).then(note(false)),
    () => exchange(ring, anywhere(), later).then(note(false)),
    () => exchange(ring, anywhere(), refreshing(first)).then(note(true)),
    () => exchange(ring, anywhere(), refreshing(first)).then(note(true)),
    () => visitor.check("/"),
    async () => {
      const asked = await codeFor(client, at()).catch(() => null);
      if (asked === null) return;
      codes.push(asked);
      note(false)(await exchange(ring, anywhere(), asked));
    },
    async () => {
      const other: Visitor = visitSite(SITE, anywhere());
      const back = await other.signIn(at()).catch(() => null);
      if (back?.status === 302) newest = other;
    },
  ];
  const end: Readonly<Record<Ending, () => Promise<unknown>>> = {
    "sign-out": () => at().post("/logout"),
    revocation: () => oidc.tokenRevocation(client.config, roll(2) === 0 ? first.access_token : first.refresh_token),
    leaving: () => at().post(`/account/applications/${client.id}/end`),
    dismissal: () => databaseRows(attacked.program.database).memberships.remove(target.id, GROUP),
  };
  const chosen = Array.from({ length: 4 + roll(4) }, () => moves[roll(moves.length)] ?? end[ending]);
  chosen.splice(roll(chosen.length), 0, end[ending]);
  await Promise.all(chosen.map((move) => move()));

  const violations: string[] = [];
  const endsAll = ending === "sign-out" || ending === "dismissal";
  const judge = async (what: string, isOpen: Promise<boolean>): Promise<void> => {
    if (await isOpen) violations.push(what);
  };
  const isGiven = async (fields: Readonly<Record<string, string>>): Promise<boolean> =>
    (await exchange(ring, anywhere(), fields)) !== null;
  // Who leaves an application, or whose tokens are revoked, may go there again with the same sign-in.
  const over = got.filter(({ isOfFirst }) => endsAll || isOfFirst);
  await Promise.all(over.map(({ tokens }) => judge("an access token", opens(anywhere(), tokens.access_token))));
  await Promise.all([
    ...over.map(({ tokens }) => judge("a refresh token", isGiven(refreshing(tokens)))),
    ...(endsAll ? codes : []).map((each) => judge("a code", isGiven(each))),
    ...(ending === "sign-out" ? [visitor, newest] : []).map((each) =>
      judge(
        "a site's cookie",
        each.check("/").then(({ status }) => status === 200),
      ),
    ),
  ]);
  if (ending !== "sign-out") await browser.post("/logout");
  return { violations, given: got.length };
}

/** A code of somebody who is signed in, and what turns it into tokens. */
async function codeFor(client: TestApplication, browser: Browser): Promise<Readonly<Record<string, string>>> {
  const { path, checks } = await authorizationRequest(client);
  const back = await wayOut(browser, path);
  const code = back?.searchParams.get("code") ?? null;
  if (code === null) throw new Error("no code");
  return {
    ...{ grant_type: "authorization_code", code, redirect_uri: client.redirectUri },
    code_verifier: checks.pkceCodeVerifier,
  };
}

function refreshing({ refresh_token }: Tokens): Readonly<Record<string, string>> {
  return { grant_type: "refresh_token", refresh_token };
}

/** Uses a code or a refresh token. @returns null where it is refused. */
async function exchange(
  { attacked, client }: Ring,
  site: string,
  fields: Readonly<Record<string, string>>,
): Promise<Tokens | null> {
  const { status, body } = await attacked.openBrowser({}, site).send("POST", "/oidc/token", {
    headers: {
      ...{ "content-type": "application/x-www-form-urlencoded" },
      authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}`,
    },
    body: new URLSearchParams(fields).toString(),
  });
  // A crowd at once may find the database busy, which gives nobody anything.
  if (status >= 500 && status !== 503) throw new Error(`the token endpoint answered ${status}`);
  return status === 200 ? (JSON.parse(body) as Tokens) : null;
}

async function opens(site: string, accessToken: string): Promise<boolean> {
  const answer = await openBrowser(site).get("/oidc/userinfo", { authorization: `Bearer ${accessToken}` });
  return answer.status === 200;
}
