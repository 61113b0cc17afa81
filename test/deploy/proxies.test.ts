import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get, type IncomingMessage } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import { type Browser, openBrowser } from "../kit/browser.js";
import type { StreamEnd } from "../kit/event-stream.js";
import { BOUNDED, inTime } from "../kit/in-time.js";
import { enrol, isSignedIn, startSignIn } from "../kit/people.js";
import { freePort } from "../kit/ports.js";
import { startProgram, type WebProcess } from "../kit/program.js";
import { until } from "../kit/until.js";
import { overHttp2 } from "./http2.js";

const PROMISED_MS = 1000;
/** A browser comes from here, and the proxies reach the web processes from 127.0.0.1. */
const BROWSER_ADDRESS = "127.0.0.7";
const FORGED_ADDRESS = "203.0.113.66";

const folder = mkdtempSync(path.join(tmpdir(), "countersign-in-front-"));
const [port, plainPort, callbackPort] = [await freePort(), await freePort(), await freePort()];
const site = `https://localhost:${port}`;
const [server, key, ca] = ["server.pem", "server-key.pem", "authority.pem"].map((name) =>
  readFileSync(`test/kit/certificates/${name}`, "utf8"),
) as [string, string, string];
const certificate = put("certificate.pem", server + key);

// The sandbox knows no authority of ours: whatever Authy calls goes through here to the proxy, encrypted.
const callbacks = createServer((asked, answered) => {
  const { method, url, headers } = asked;
  const to = { host: "localhost", port, path: url, method, headers: { ...headers, host: `localhost:${port}` }, ca };
  const passedOn = request(to, (answer) => {
    answered.writeHead(answer.statusCode ?? 502);
    answer.pipe(answered);
  });
  passedOn.on("error", () => answered.destroy());
  asked.pipe(passedOn);
}).listen(callbackPort, "127.0.0.1");
const callbackUrl = `http://127.0.0.1:${callbackPort}/webhooks/authy/onetouch`;

const program = await startProgram(
  { after },
  {
    ...{ webs: 2, site, withWebhooks: false },
    env: {
      ...{ TRUST_PROXY: "1", MATCH_CODE: "never", DRAIN_WAIT_MS: "2000", POLL_FIRST_MS: "20000" },
      ...{ AUTHY_CALLBACK_URL: callbackUrl, SANDBOX_CALLBACK_URL: callbackUrl },
    },
  },
);
after(() => {
  callbacks.close();
  callbacks.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

function put(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** A file of deploy/ with this test's ports, name and certificate in it. */
function example(file: string, ...replaced: readonly (readonly [string, string])[]): string {
  const all = [
    ["127.0.0.1:3000", `127.0.0.1:${program.webs[0]!.port}`],
    ["127.0.0.1:3001", `127.0.0.1:${program.webs[1]!.port}`],
    ...replaced,
  ] as const;
  return all.reduce(
    (text, [from, to]) => {
      assert.ok(text.includes(from), `${file} has no ${from}`);
      return text.replaceAll(from, to);
    },
    readFileSync(`deploy/${file}`, "utf8"),
  );
}

type Kind = "nginx" | "caddy" | "haproxy";

/** How each is started in the foreground, with nothing written outside of the test's folder. */
const STARTS: Readonly<Record<Kind, () => readonly string[]>> = {
  nginx: () => {
    mkdirSync(path.join(folder, "nginx"), { recursive: true });
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (each) => `${each}_temp_path ${folder}/nginx;`,
    );
    const text = example(
      "nginx/countersign.conf",
      ["listen 80", `listen 127.0.0.1:${plainPort}`],
      ["listen 443", `listen 127.0.0.1:${port}`],
      ["https://sign-in.example.org", site],
      ["/etc/ssl/sign-in.example.org.pem", certificate],
      ["sign-in.example.org", "localhost"],
    );
    const main = `daemon off; pid ${folder}/nginx.pid; error_log stderr warn; worker_processes 1; master_process off;
      events {} http { access_log off; ${temporary.join(" ")} ${text} }`;
    return ["-p", folder, "-c", put("nginx.conf", main)];
  },
  caddy: () => {
    const own = `{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port ${plainPort}\n\thttps_port ${port}\n}\n`;
    const ours = ["sign-in.example.org {", `localhost {\n\ttls ${certificate} ${certificate}`] as const;
    return ["run", "--adapter", "caddyfile", "--config", put("Caddyfile", own + example("caddy/Caddyfile", ours))];
  },
  haproxy: () => {
    const text = example(
      "haproxy/haproxy.cfg",
      ["bind :80", `bind 127.0.0.1:${plainPort}`],
      ["bind :443", `bind 127.0.0.1:${port}`],
      ["https://sign-in.example.org", site],
      ["/etc/haproxy/sign-in.example.org.pem", certificate],
    );
    return ["-db", "-f", put("haproxy.cfg", text)];
  },
};

async function start(t: TestContext, kind: Kind): Promise<void> {
  const child = spawn(needProgram(kind), STARTS[kind](), {
    env: { PATH: process.env["PATH"], HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(async () => {
    for (const each of connections.splice(0)) each.close();
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => output.push(String(part)));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(output.join(""));
    return (
      (
        await browserOfItsOwn()
          .get("/healthz")
          .catch(() => null)
      )?.status === 200
    );
  }, `${kind} does not answer`).catch((error: unknown) => {
    throw new Error(output.join(""), { cause: error });
  });
}

/** Wrong in a way that counts as no try. */
const EMPTY_LOGIN = { username: "", password: "" };

/** How many pages and forms a web process has answered. */
function seenBy(web: WebProcess): number {
  return web.lines.filter(({ path: asked }) => asked === "/login").length;
}

const connections: { close(): void }[] = [];

/** A browser that claims to be somebody else. */
function browserOfItsOwn(): Browser {
  const sending = overHttp2(site, { ca, localAddress: BROWSER_ADDRESS });
  connections.push(sending);
  return openBrowser(site, { request: sending, address: FORGED_ADDRESS });
}

async function plainly(uri: string): Promise<IncomingMessage> {
  const asking = get({ host: "127.0.0.1", port: plainPort, path: uri, headers: { host: "localhost" } });
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  return answer.resume();
}

/** The web process that holds the only open event stream. */
function streamingWeb(): Promise<WebProcess> {
  return until(async () => {
    for (const web of program.webs) {
      const metrics = await (await fetch(`http://127.0.0.1:${web.port}/metrics`)).text();
      if (/^open_event_streams 1$/m.test(metrics)) return web;
    }
    return null;
  }, "no process has the stream");
}

/** Watches until a final state comes, over cuts, as EventSource does. */
async function follow(browser: Browser, events: string): Promise<StreamEnd> {
  for (;;) {
    const end = await browser.watch(events).end;
    if (!("cut" in end)) return end;
    await wait(end.cut);
  }
}

for (const kind of ["nginx", "caddy", "haproxy"] as const)
  describe(`behind ${kind}, with the file of deploy/`, BOUNDED, () => {
    it("F13, A7: a sign-in goes through over HTTP/2, and goes on when its web process is killed", async (t) => {
      await start(t, kind);
      const ada = await enrol(program, undefined, browserOfItsOwn());
      const { browser } = ada;

      const login = await browser.get("/login");
      assert.match(String(login.headers["strict-transport-security"]), /^max-age=31536000$/);
      await browser.post("/logout");
      const waiting = await startSignIn(ada);
      const stream = browser.watch(waiting.events);
      await inTime(PROMISED_MS, "the first event", stream.first());
      await ada.answer("approve");
      const told = await inTime(PROMISED_MS, "the event after the tap", stream.final());
      assert.equal(told.value, "approved");
      assert.equal(await program.settledBy(waiting.id), "callback");
      assert.equal((await browser.post("/login/approval/finish")).location, "/account");
      const history = (await browser.get("/account/activity")).body;
      assert.ok(history.includes(BROWSER_ADDRESS), "the history lacks the browser's address");
      assert.ok(!history.includes(FORGED_ADDRESS), "the history has a forged address");

      await browser.post("/logout");
      const again = await startSignIn(ada);
      const cut = browser.watch(again.events);
      await cut.first();
      const web = await streamingWeb();
      t.after(() => web.start());
      await web.kill();
      assert.ok("cut" in (await cut.end), "the stream did not end with its process");
      const following = follow(browser, again.events);
      await ada.answer("approve");
      assert.deepEqual(await following, { final: "approved" });
      const finished = await until(async () => {
        const answer = await browser.post("/login/approval/finish");
        return kind === "caddy" && answer.status === 502 ? null : answer;
      }, "the finish is refused");
      assert.equal(finished.location, "/account");
      assert.equal(await isSignedIn(browser), true);
      t.diagnostic(`${kind}: ${Math.round(told.ms)} ms from the tap to the event`);

      for (const uri of [
        "/metrics",
        "/Metrics/",
        "/%6detrics",
        "/x/../metrics",
        "//metrics",
        "/readyz",
        "/forward-auth",
      ])
        assert.equal((await browser.get(uri)).status, 404, uri);
      assert.equal((await browser.post("/login", { username: "x".repeat(200_000) })).status, 413);
      const { statusCode, headers } = await plainly("/login?next=/a");
      // Caddy leads to the usual port, whatever its own is.
      const encrypted = kind === "caddy" ? "https://localhost" : site;
      assert.deepEqual([statusCode, headers.location], [308, `${encrypted}/login?next=/a`]);
    });

    it("F18: a process that drains and comes back fails no page and no form", async (t) => {
      await start(t, kind);
      const over = new AbortController();
      const [failed, browser] = [[] as string[], browserOfItsOwn()];
      let [asked, isStarting] = [0, false];
      await browser.get("/login");
      const asking = (async () => {
        for (; !over.signal.aborted; asked += 2) {
          // nginx does not ask whether a process is ready: one that opens its database slowly says 503 for a moment.
          if (kind === "nginx") await until(() => !isStarting, "the process does not start", 60_000);
          const [page, form] = await Promise.allSettled([browser.get("/login"), browser.post("/login", EMPTY_LOGIN)]);
          const statuses = [page, form].map((each) => (each.status === "fulfilled" ? each.value.status : "broken"));
          if (statuses.join() !== "200,422") failed.push(statuses.join());
        }
      })();
      t.after(() => {
        over.abort();
      });
      for (const web of program.webs) {
        assert.deepEqual(await web.stop(60_000), { code: 0, signal: null });
        isStarting = true;
        await web.start();
        isStarting = false;
        // Until the proxy sends people to this one again there is nobody to take over from the next.
        const before = seenBy(web);
        await until(() => seenBy(web) > before + 3, `${kind} does not come back to ${web.name}`);
      }
      over.abort();
      await asking;
      t.diagnostic(`${kind}: ${asked} requests`);
      assert.deepEqual(failed, []);
    });
  });
