import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import { addSite } from "../../src/domain/manage-applications.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { freePort } from "../kit/ports.js";
import { until } from "../kit/until.js";
import { serveApplication } from "../http/served-application.js";

const UPLOAD_BYTES = 50 * 1024 * 1024;
const PAGE = { accept: "text/html", "sec-fetch-mode": "navigate" };

/** What the application saw last of each path. */
const seen: { method: string; url: string; headers: IncomingHttpHeaders; raw: string[] }[] = [];

/** An application that knows no sign-in: it answers with what it saw, streams events and takes uploads and WebSockets. */
const application = createServer((ctx, response) => {
  seen.push({ method: ctx.method ?? "", url: ctx.url ?? "", headers: ctx.headers, raw: ctx.rawHeaders });
  if (ctx.url === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: one\n\n");
    const timer = setInterval(() => response.write("data: more\n\n"), 50);
    response.on("close", () => {
      clearInterval(timer);
    });
    return;
  }
  let bytes = 0;
  ctx.on("data", (part: Buffer) => (bytes += part.length));
  ctx.on("end", () => response.end(JSON.stringify({ bytes })));
});
application.on("upgrade", (question: IncomingMessage, socket) => {
  const key = String(question.headers["sec-websocket-key"]);
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  seen.push({ method: "WEBSOCKET", url: question.url ?? "", headers: question.headers, raw: question.rawHeaders });
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on("error", () => undefined).pipe(socket);
});
application.listen(0, "127.0.0.1");
await once(application, "listening");
const applicationPort = (application.address() as AddressInfo).port;

const served = await serveApplication({ after });
const { deps } = served;
const folder = mkdtempSync(path.join(tmpdir(), "countersign-proxies-"));
const certificate = path.join(folder, "app.pem");
const certificates = ["server.pem", "server-key.pem"].map((name) =>
  readFileSync(`test/kit/certificates/${name}`, "utf8"),
);
writeFileSync(certificate, certificates.join(""), { mode: 0o600 });
const started: ChildProcess[] = [];
after(async () => {
  for (const child of started) {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
  }
  application.close();
  application.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

/** A file of docs/proxies/ with this test's own ports and certificate in it. */
function documented(name: string, port: number): string {
  return readFileSync(`docs/proxies/${name}`, "utf8")
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${new URL(served.origin).port}`)
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${applicationPort}`)
    .replaceAll("/etc/ssl/app.example.org.pem", certificate)
    .replaceAll("/etc/haproxy/countersign.lua", path.join(folder, "countersign.lua"))
    .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
    .replace("bind :443 ssl", `bind 127.0.0.1:${port} ssl`)
    .replace(/^app\.example\.org \{/m, `https://app.example.org:${port} {\n\tbind 127.0.0.1`);
}

function put(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

type Kind = "nginx" | "caddy" | "haproxy";

/** How each is started in the foreground, with nothing written outside of the test's folder. */
const STARTS: Readonly<Record<Kind, (port: number) => readonly string[]>> = {
  nginx: (port) => {
    mkdirSync(path.join(folder, "nginx"));
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (each) => `${each}_temp_path ${folder}/nginx;`,
    );
    const main = `daemon off; pid ${folder}/nginx.pid; error_log stderr warn; worker_processes 1; master_process off;
      events {} http { access_log off; ${temporary.join(" ")} ${documented("nginx.conf", port)} }`;
    return ["-p", folder, "-c", put("nginx.conf", main)];
  },
  caddy: (port) => {
    const global = "{\n\tadmin off\n\tauto_https off\n\tdefault_sni localhost\n}\n";
    return ["run", "--adapter", "caddyfile", "--config", put("Caddyfile", global + documented("Caddyfile", port))];
  },
  haproxy: (port) => {
    put("countersign.lua", documented("countersign.lua", port));
    return ["-db", "-f", put("haproxy.cfg", documented("haproxy.cfg", port))];
  },
};

async function start(kind: Kind): Promise<number> {
  const port = await freePort();
  const child = spawn(needProgram(kind), STARTS[kind](port), {
    env: { PATH: process.env["PATH"], HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => output.push(String(part)));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(output.join(""));
    return ask(port, "/").catch(() => null);
  }, `${kind} does not answer`);
  return port;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Stops reading after so much text. */
  readonly untilText?: string;
}

function connect(port: number, uri: string, { method = "GET", headers = {} }: Asking) {
  return request({
    ...{ host: "127.0.0.1", port, path: uri, method, agent: false, servername: "localhost", rejectUnauthorized: false },
    headers: { host: `app.example.org:${port}`, ...headers },
  });
}

function ask(port: number, uri: string, asking: Asking = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = connect(port, uri, asking);
    sent.on("error", reject).on("response", (response) => {
      let body = "";
      const answer = () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      };
      response.on("data", (part) => {
        body += String(part);
        if (asking.untilText !== undefined && body.includes(asking.untilText)) {
          answer();
          sent.destroy();
        }
      });
      response.on("end", answer);
    });
    sent.end(asking.body);
  });
}

/** One browser's cookies at the site. */
function site(port: number) {
  const cookies = new Map<string, string>();
  return async (uri: string, asking: Asking = {}): Promise<Answer> => {
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join("; ");
    const answer = await ask(port, uri, {
      ...asking,
      headers: { ...(asking.headers ?? PAGE), ...(cookie === "" ? {} : { cookie }) },
    });
    for (const line of answer.headers["set-cookie"] ?? []) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    return answer;
  };
}

async function signIn(visit: ReturnType<typeof site>, browser: Browser, uri: string): Promise<Answer> {
  const asked = new URL((await visit(uri)).headers.location ?? "");
  assert.equal(asked.origin, deps.http.publicUrl);
  const back = new URL((await browser.get(asked.pathname + asked.search)).location);
  return visit(back.pathname + back.search);
}

async function person(): Promise<{ browser: Browser; name: string; id: string }> {
  const [name, browser] = [`p${randomUUID().slice(0, 8)}`, openBrowser(served.origin)];
  const form = { username: name, email: `${name}@example.com`, password: "correct horse battery" };
  await browser.submit(await browser.visit("/register"), "/register", form);
  const id = (await deps.subscribers.findByName(name))?.id ?? "";
  await served.database.query("UPDATE sessions SET level = 2 WHERE subscriber_id = ?", [id]);
  return { browser, name, id };
}

/** What a client may try to say about itself. */
const FORGED = {
  ...{ "Remote-User": "root", "remote-groups": "admins", "Remote-Subject": "1", "REMOTE-LEVEL": "3" },
  ...{ Remote_User: "root", remote_groups: "admins", "Remote-Email": "root@example.com" },
};
const FORWARDED = {
  ...{
    "X-Forwarded-Uri": "/healthz",
    "X-Forwarded-Method": "GET",
    "X-Original-URL": "/healthz",
    "X-Original-Method": "GET",
  },
  ...{
    Forwarded: "host=other.example",
    X_Forwarded_Uri: "/healthz",
    X_Original_URL: "/healthz",
    "X-Forwarded-Prefix": "/x",
  },
};

for (const kind of ["nginx", "caddy", "haproxy"] as const)
  describe(`the gate behind ${kind}, with the file of docs/proxies`, { timeout: 60_000 }, () => {
    it("R24, R26, R27, R28, R30, R31: lets in who is admitted, with nothing that a client made up", async () => {
      const port = await start(kind);
      const origin = `https://app.example.org:${port}`;
      const given = { name: "App", level: 2, maxAgeSeconds: null, admitted: [{ everyone: true }] } as const;
      await addSite(deps, { origin, publicPaths: ["/healthz"], allowsPreflight: false }, given);
      const last = () => seen.at(-1);
      const reached = () => seen.length;

      // Strangers: a page leads to the sign-in, everything else is told so, and nothing reaches the application.
      const before = reached();
      for (const headers of [{ ...PAGE, ...FORWARDED, ...FORGED }, PAGE]) {
        const stranger = await ask(port, "/private?a=1&b=%20", { headers });
        assert.equal(stranger.status, 302, stranger.body);
        assert.ok(
          stranger.headers.location?.startsWith(`${deps.http.publicUrl}/gate?site=${encodeURIComponent(origin)}&`),
        );
        assert.match(String(stranger.headers["set-cookie"]), /^__Host-countersign-gate-visit-/);
      }
      const script = await ask(port, "/private", { headers: { accept: "application/json", ...FORWARDED } });
      assert.deepEqual([script.status, script.headers["www-authenticate"]], [401, 'Bearer realm="countersign"']);
      assert.equal((JSON.parse(script.body) as { error: string }).error, "sign_in");
      const form = await ask(port, "/order", { method: "POST", headers: PAGE, body: Buffer.from("a=1") });
      assert.equal(form.status, 401);
      assert.match(form.body, /Nothing was sent yet/);
      for (const uri of ["/healthz/../private", "/healthz%2f..%2fprivate", "//healthz", "/healthz;x", "/%68ealthz"])
        assert.notEqual((await ask(port, uri, { headers: PAGE })).status, 200, uri);
      assert.equal(
        (await ask(port, "/", { headers: { ...PAGE, host: `other.example.org:${port}` } }).catch(() => null))?.headers
          .location,
        undefined,
      );
      assert.equal(reached(), before, "nothing of this reached the application");

      // A public path: nobody, whatever the client says.
      const open = await ask(port, "/healthz", { headers: { ...FORGED, ...FORWARDED } });
      assert.equal(open.status, 200);
      assert.doesNotMatch(JSON.stringify(last()?.raw), /root|admins/);

      const [visit, { browser, name, id }] = [site(port), await person()];
      const uri = "/private?q=a%20b&x=1%2B1&y=c+d&z=%26%23";
      const back = await signIn(visit, browser, uri);
      assert.deepEqual([back.status, back.headers.location], [302, origin + uri]);
      const passed = await visit(uri, { headers: { ...PAGE, ...FORGED, ...FORWARDED } });
      assert.equal(passed.status, 200, passed.body);
      const { headers, url, raw } = last() ?? assert.fail();
      assert.deepEqual(
        [
          url,
          headers["remote-user"],
          headers["remote-subject"],
          headers["remote-level"],
          headers["remote-groups"] ?? "",
        ],
        [uri, name, id, "2", ""],
      );
      assert.doesNotMatch(JSON.stringify(raw), /root|admins/);

      // Twenty tabs at once, all of them in.
      const tabs = await Promise.all(Array.from({ length: 20 }, (_, tab) => visit(`/tab/${tab}`)));
      assert.ok(tabs.every(({ status }) => status === 200));

      // Streams, uploads and WebSockets go through once admitted.
      const events = await visit("/events", { untilText: "more" });
      assert.match(events.body, /data: one/);
      const upload = await visit("/upload", { method: "PUT", body: Buffer.alloc(UPLOAD_BYTES, "x") });
      assert.deepEqual(JSON.parse(upload.body), { bytes: UPLOAD_BYTES });
      assert.equal(await webSocket(port, visit), "hello");

      // Signing out ends it at once, and what it was asked for is nobody's.
      await browser.post("/logout");
      const ended = await visit("/private");
      assert.equal(ended.status, 302);
      assert.equal((await visit("/private", { headers: { accept: "*/*" } })).status, 401);
    });
  });

/** Opens a WebSocket as a browser would, says something, and hears it again. */
function webSocket(port: number, visit: ReturnType<typeof site>): Promise<string> {
  return new Promise((resolve, reject) => {
    void visit("/before").then(() => {
      const sent = connect(port, "/socket", {
        headers: {
          ...{
            upgrade: "websocket",
            connection: "Upgrade",
            "sec-websocket-version": "13",
            "sec-fetch-mode": "websocket",
          },
          ...{ "sec-websocket-key": randomBytes(16).toString("base64"), cookie: lastCookies() },
        },
      });
      sent.on("upgrade", (_response, socket) => {
        socket.on("data", (part) => {
          resolve(String(part));
          socket.destroy();
        });
        socket.write("hello");
      });
      sent.on("response", ({ statusCode }) => {
        reject(new Error(`the WebSocket was answered with ${statusCode ?? 0}`));
      });
      sent.on("error", reject).end();
    }, reject);
  });
}

/** The cookies of the request that the application saw last. */
function lastCookies(): string {
  return seen.at(-1)?.headers.cookie ?? "";
}
