import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { needProgram } from "../../../scripts/setup/find-programs.mjs";
import { newOwner, type Owner } from "../../kit/owner.js";
import { freePort } from "../../kit/ports.js";
import { until } from "../../kit/until.js";
import type { Server } from "./servers.js";
import { type Figure, inTurns, type Measured, quantile, type Sides } from "./turns.js";
import { openWire, requestBytes } from "./wire.js";

const IN_FLIGHT = 32;
const HOST = "app.example.org";
const PAUSE_MS = 2;

/**
 * What a check of the gate costs the server, and what a page costs more behind nginx. Checks are a closed loop of the very
 * request that nginx sends; the bare server answers it without looking. Pages are asked for one after another.
 */
export async function gate(sides: Sides, { rounds = 5, checks = 6000, pages = 1000 } = {}): Promise<Figure[]> {
  const ofChecks = await inTurns(
    sides,
    {
      "gate checks a second": { unit: "", must: { atLeast: 1 / 3 } },
      "server CPU for each check": { unit: "µs", must: { atMost: 3 } },
    },
    rounds,
    (server) => checkMany(server, checks),
  );
  const owner = newOwner();
  try {
    const nginx = await startNginx(owner, sides.product.port);
    const cookie = await sides.product.prepareGuest(`http://${HOST}:${nginx.guarded}`);
    const ofPages = await inTurns(
      sides,
      {
        "page behind nginx, p50": { unit: "ms", must: { atMostMore: 1.5 } },
        "page behind nginx, p99": { unit: "ms", must: { atMostMore: 1.5 } },
      },
      rounds,
      ({ name }) => lookAtPages(name === "product" ? nginx.guarded : nginx.open, cookie, pages),
    );
    return [...ofChecks, ...ofPages];
  } finally {
    await owner.end();
  }
}

async function checkMany(server: Server, checks: number): Promise<Measured> {
  const site = `https://${HOST}`;
  const asked = requestBytes("GET", "/auth-request", {
    ...{ host: "countersign", "x-original-url": `${site}/reports/7?a=1`, "x-original-method": "GET" },
    ...{ accept: "text/html", "user-agent": "Mozilla/5.0", cookie: await server.prepareGuest(site) },
  });
  const wires = Array.from({ length: IN_FLIGHT }, () => openWire(server.port));
  const before = await server.look("heap");
  const startedAt = performance.now();
  let left = checks;
  await Promise.all(
    wires.map(async (wire) => {
      while (left > 0) {
        left -= 1;
        const { status, text } = await wire.exchange(asked);
        if (status !== 200) throw new Error(`a check was answered with ${text.slice(0, 300)}`);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const { cpuUs } = await server.look("cpu");
  for (const wire of wires) wire.close();
  return { "gate checks a second": checks / seconds, "server CPU for each check": (cpuUs - before.cpuUs) / checks };
}

async function lookAtPages(port: number, cookie: string, pages: number): Promise<Measured> {
  const wire = openWire(port);
  const page = requestBytes("GET", "/", { host: `${HOST}:${port}`, accept: "text/html", cookie });
  const ms: number[] = [];
  for (let at = 0; at < pages; at += 1) {
    const startedAt = performance.now();
    const { status, text } = await wire.exchange(page);
    ms.push(performance.now() - startedAt);
    if (status !== 200) throw new Error(`a page was answered with ${text.slice(0, 300)}`);
    // As people do, and not as fast as it goes.
    if (at % 10 === 9) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  wire.close();
  return { "page behind nginx, p50": quantile(ms, 0.5), "page behind nginx, p99": quantile(ms, 0.99) };
}

/** The documented nginx without TLS, and at another port the same application without a gate. */
async function startNginx(owner: Owner, gatePort: number): Promise<{ guarded: number; open: number }> {
  const application = createServer((_req, res) => res.end("<h1>Application</h1>")).listen(0, "127.0.0.1");
  await once(application, "listening");
  const { port } = application.address() as AddressInfo;
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-bench-nginx-"));
  const [guarded, open] = [await freePort(), await freePort()];
  mkdirSync(path.join(folder, "temp"));
  const documented = readFileSync("docs/proxies/nginx.conf", "utf8")
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${gatePort}`)
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`)
    .replace("listen 443 ssl", `listen 127.0.0.1:${guarded}`)
    .replace(/^ *ssl_certificate.*\n/gm, "");
  const without = `server { listen 127.0.0.1:${open}; location / {
    proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Host $http_host; } }`;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const main = `daemon off; pid ${folder}/pid; error_log stderr warn; worker_processes 1; master_process off; events {}
    http { access_log off; ${temporary.map((each) => `${each}_temp_path ${folder}/temp;`).join(" ")} ${documented} ${without} }`;
  writeFileSync(path.join(folder, "nginx.conf"), main);
  const child = spawn(needProgram("nginx"), ["-p", folder, "-c", path.join(folder, "nginx.conf")], { stdio: "ignore" });
  owner.after(async () => {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
    application.close();
    application.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });
  await until(
    () =>
      fetch(`http://127.0.0.1:${open}/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    "nginx does not answer",
  );
  return { guarded, open };
}
