import { readFileSync } from "node:fs";
import { connect } from "node:net";
import fc from "fast-check";

import { seededRandom } from "../../kit/random.js";
import { type AttackedProgram, PASSWORD, attackProgram } from "./attacked-program.js";
import { type Attack, inParallel, type Outcome, type Progress } from "./attack.js";
import { APPLICATIONS } from "./applications-ground.js";
import { formHeaders, type Browser } from "../../kit/browser.js";

/** What is sent to, and with what in it. */
export interface Ground {
  readonly paths: readonly string[];
  readonly fields: readonly string[];
  /** Headers that those routes read, each sent now and then. */
  readonly headers: readonly string[];
  /** Texts that are well-formed in part. */
  readonly texts: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Adds what the routes need to get past their first guards. */
  prepare(attacked: AttackedProgram): Promise<void>;
}

const PATHS = [
  "/",
  "/register",
  "/login",
  "/login/approval",
  "/login/approval/resend",
  "/login/approval/cancel",
  "/login/approval/finish",
  "/login/approval/not-me",
  "/login/code",
  "/login/code/sms",
  "/logout",
  "/account",
  "/account/two-factor",
  "/account/two-factor/registration",
  "/account/two-factor/registration/qrcode.svg",
  "/account/two-factor/registration/cancel",
  "/account/two-factor/disable",
  "/account/approval",
  "/account/approval/resend",
  "/account/approval/cancel",
  "/account/approval/finish",
  "/account/approval/not-me",
  "/account/approval/code",
  "/account/approval/code/sms",
  "/account/recovery-codes",
  "/account/password",
  "/account/sessions",
  "/account/sessions/x/revoke",
  "/account/sessions/revoke-others",
  "/account/activity",
  "/challenges/abcdefghijkl",
  "/challenges/abcdefghijkl/events",
  "/webhooks/authy/onetouch",
  "/webhooks/authy/events",
  "/healthz",
  "/readyz",
  "/metrics",
  "/assets/site.css",
  "/assets/../package.json",
  "/assets/%2e%2e/%2e%2e/package.json",
  "/nowhere",
];
const METHODS = ["GET", "POST", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"];
const FIELDS = [
  "username",
  "password",
  "email",
  "code",
  "match_code",
  "next",
  "remember",
  "action",
  "confirm",
  "csrf",
  "current_password",
  "body",
  "__proto__",
  "constructor",
  "toString",
  "a[b][c]",
  "username[]",
  "username[$ne]",
  "",
];
const TYPES = [
  "application/x-www-form-urlencoded",
  "application/json",
  "multipart/form-data; boundary=x",
  "text/plain",
  "application/x-www-form-urlencoded; charset=utf-7",
  "",
  "a/b/c",
  "application/json; charset=nonsense",
];
const CORPUS = [
  "",
  "\u0000",
  "\ud800",
  "%",
  "%zz",
  "%00",
  "%ed%a0%80",
  "%c0%af",
  "../../etc/passwd",
  "' OR 1=1 --",
  "{{7*7}}",
  "${7*7}",
  "<script>alert(1)</script>",
  "\r\nSet-Cookie: a=b",
  "\u202e\u2066",
  "[object Object]",
  "null",
  "NaN",
  "1e999",
  "-0",
  "9007199254740993",
  "A".repeat(5000),
  "\ufdfa".repeat(300),
  "e\u0301".repeat(2000),
  "🦊".repeat(400),
  "[".repeat(2000),
  '{"a":'.repeat(500),
  '{"__proto__":{"x":1}}',
  '{"body":{"body":[]}}',
  "a=1&a=2&a[]=3&a[b]=4",
  "&".repeat(1000),
  "=".repeat(1000),
];
const MAY_GROW_MB = 48;
const LANES = 24;

const EVERYWHERE: Ground = {
  ...{ paths: PATHS, fields: FIELDS, headers: [], texts: [], env: {} },
  prepare: () => Promise.resolve(),
};

/** Requests that no browser and no Authy sends, to every route, signed in and not. */
export const malformed: Attack = {
  name: "malformed",
  what: "malformed requests over all routes",
  full: 100_000,
  short: 800,
  run: (count, progress) => sendMalformed(EVERYWHERE, count, progress),
};

/** The same for the routes of the gate and of the provider, with parameters and headers that they read. */
export const malformedForApplications: Attack = {
  name: "malformed-applications",
  what: "malformed requests to gate and provider",
  full: 1_000_000,
  short: 600,
  run: (count, progress) => sendMalformed(APPLICATIONS, count, progress),
};

function sendMalformed(ground: Ground, count: number, progress: Progress): Promise<Outcome> {
  return attackProgram(
    { ATTEMPT_TTL_SECONDS: "30", FAILURE_WAIT_SECONDS: "0", LIMIT_FAILURES: "0", ...ground.env },
    async (attacked) => {
      await ground.prepare(attacked);
      const target = await attacked.addTarget();
      const texts = [
        ...CORPUS,
        ...ground.texts,
        ...fc.sample(fc.string({ unit: "binary", maxLength: 60 }), { numRuns: 400, seed: 5 }),
      ];
      const jsons = fc.sample(fc.json({ maxDepth: 6 }), { numRuns: 300, seed: 6 });
      const { below: roll, pick } = seededRandom(11);
      const signedIn = attacked.openBrowser();
      const visitor = attacked.openBrowser();
      const token = await visitor.token();
      const signIn = async (): Promise<void> => {
        await signedIn.post("/login", { username: target.username, password: PASSWORD });
        await signedIn.post("/login/code", { code: await attacked.program.phone.code(target.authyId) });
      };
      await signIn();
      const failed: string[] = [];
      let rssEarly = 0;
      await inParallel(
        count,
        LANES,
        async (at) => {
          if (at === Math.floor(count / 4)) rssEarly = rssMb(attacked);
          if (at % 5000 === 4999) await signIn();
          if (at % 50 === 0) {
            await rawRequest(attacked, pick(texts), pick(ground.paths));
            return;
          }
          const browser = roll(2) === 0 ? signedIn : visitor;
          const { method, path, headers, body } = compose(browser === visitor ? token : await browser.token());
          const reply = await send(attacked, browser, method, path, headers, body);
          if (reply !== null && reply >= 500) failed.push(`${method} ${path.slice(0, 60)} → ${reply}`);
        },
        progress,
      );

      function compose(csrf: string): { method: string; path: string; headers: Record<string, string>; body?: string } {
        const method = pick(METHODS);
        const junk =
          roll(3) === 0 ? `?${encodeURIComponent(pick(ground.fields))}=${encodeURIComponent(safe(pick(texts)))}` : "";
        const tail = roll(6) === 0 ? `/${encodeURIComponent(safe(pick(texts))).slice(0, 200)}` : "";
        const path = `${pick(ground.paths)}${tail}${junk}`.slice(0, 4000);
        const type = path.startsWith("/webhooks") ? pick(TYPES) : roll(3) === 0 ? pick(TYPES) : (TYPES[0] ?? "");
        const headers: Record<string, string> = {
          ...(roll(8) === 0 ? {} : formHeaders(attacked.site)),
          ...(type === "" ? {} : { "content-type": type }),
          ...(path.startsWith("/webhooks") ? { "x-authy-signature": "c2ln", "x-authy-signature-nonce": "1" } : {}),
          ...(roll(12) === 0 ? { cookie: headerText(pick(texts)) } : {}),
          ...(roll(12) === 0 ? { accept: headerText(pick(texts)) } : {}),
          ...(roll(12) === 0 ? { "user-agent": headerText(pick(texts)) } : {}),
          ...Object.fromEntries(
            ground.headers.filter(() => roll(3) > 0).map((name) => [name, headerText(pick(texts))]),
          ),
          ...(roll(20) === 0 ? { "content-encoding": pick(["gzip", "deflate", "br", "x"]) } : {}),
          ...(roll(20) === 0 ? { "x-forwarded-for": headerText(pick(texts)) } : {}),
        };
        if (method === "GET" || method === "HEAD" || method === "TRACE") return { method, path, headers };
        const pairs = Array.from({ length: roll(6) }, () => `${form(pick(ground.fields))}=${form(pick(texts))}`);
        // With a good form token a request gets past the first guard. Signing out would only end the game early.
        if (roll(4) > 0 && path !== "/logout") pairs.push(`csrf=${encodeURIComponent(csrf)}`);
        const body = type.startsWith("application/x-www") ? pairs.join("&") : roll(2) === 0 ? pick(jsons) : pick(texts);
        return { method, path, headers, body };
      }

      const rssEnd = rssMb(attacked);
      const alive = (await attacked.openBrowser().get("/healthz")).status === 200;
      const grown = rssEnd - rssEarly;
      return {
        seen: `${failed.length} answers 5xx${failed.length === 0 ? "" : `: ${failed.slice(0, 3).join("; ")}`}; memory ${rssEarly.toFixed(0)} → ${rssEnd.toFixed(0)} MB`,
        allowed: `0 answers 5xx; memory grows by less than ${MAY_GROW_MB} MB after the first quarter`,
        isKept: failed.length === 0 && alive && grown < MAY_GROW_MB,
      };
    },
  );
}

/** @returns the status, or null when the server closed the connection on something that is no HTTP. */
async function send(
  attacked: AttackedProgram,
  browser: Browser,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
): Promise<number | null> {
  try {
    return (await browser.send(method, path, { headers, ...(body === undefined ? {} : { body }) })).status;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ECONNRESET" || code === "EPIPE" || String(code).startsWith("HPE_")) return null;
    throw new Error(`${method} ${path} at ${attacked.site} failed`, { cause: error });
  }
}

/** Bytes that a client library would refuse to send. */
function rawRequest(attacked: AttackedProgram, text: string, path: string): Promise<void> {
  return new Promise((resolve) => {
    const { host, port } = new URL(attacked.site);
    const socket = connect(Number(port), "127.0.0.1", () => {
      socket.write(
        `POST ${path}${text} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n${text}: ${text}\r\n\r\n${text}`,
      );
    });
    socket.setTimeout(300, () => socket.destroy());
    socket.on("data", () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("close", () => {
      resolve();
    });
  });
}

/** Half a surrogate pair cannot be put into an address. */
function safe(text: string): string {
  return text.toWellFormed();
}

function form(text: string): string {
  return text.startsWith("%") ? text : encodeURIComponent(safe(text)).replace(/%20/g, "+");
}

function headerText(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, "?").slice(0, 4000);
}

/** Resident memory of the web process, as the system counts it. */
function rssMb(attacked: AttackedProgram): number {
  const status = readFileSync(`/proc/${attacked.program.web.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
