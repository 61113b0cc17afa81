import { randomUUID } from "node:crypto";
import { Agent, createServer, request, type Server } from "node:http";

import { challenges } from "../../../src/database/challenges.js";
import { openDatabase } from "../../../src/database/data-source.js";
import { type Owner } from "../../kit/owner.js";
import { type Part } from "../../kit/part.js";
import { freePort } from "../../kit/ports.js";
import { migrate, startWeb } from "../../kit/processes.js";
import { compare, type Comparison, type Side } from "./compare.js";
import { sampleCallback, signedHeaders } from "./sample-callback.js";
import { pendingChallenge } from "./settle.js";

const AT_ONCE = 8;
const API_KEY = "h7Qm2ZpL9xVt4RkB8sNw3JfYcD6gUaE1";

interface Sent {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** The web process against a bare Node server that reads the same requests and writes as many bytes. */
export async function overHttp(owner: Owner, folder: string, redisUrl: string): Promise<Comparison[]> {
  const port = await freePort();
  const databaseUrl = `sqlite:${folder}/http.sqlite`;
  const env = {
    PATH: process.env["PATH"] ?? "",
    LOG_LEVEL: "warn",
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    SESSION_KEYS: randomUUID(),
    AUTHY_APP_NAME: "Bench",
    AUTHY_APP_ID: "1",
    AUTHY_PRODUCTION_API_KEY: API_KEY,
    PUBLIC_URL: `http://localhost:${port}`,
    LOOP_LAG_SHED_MS: "0",
  };
  const onStart = (part: Part): void => {
    owner.after(async () => {
      await part.kill();
    });
  };
  await migrate({ env, onStart });
  const web = await startWeb({ env, port, onStart });
  const bare = await startBare();
  owner.after(() => void bare.server.close());
  const measured = [await page(port, bare.port), await callback(port, bare.port, databaseUrl)];
  await web.stop();
  return measured;
}

function page(port: number, barePort: number): Promise<Comparison> {
  const get: Sent = { method: "GET", path: "/login" };
  return compare(
    { name: "page", what: "GET /login, rendered", baseline: "a bare Node server, constant text" },
    { ours: sender(port, () => get), bare: sender(barePort, () => get) },
    { rounds: 7, count: 800 },
  );
}

async function callback(port: number, barePort: number, databaseUrl: string): Promise<Comparison> {
  const rounds = 7;
  const count = 400;
  const url = `http://localhost:${port}/webhooks/authy/onetouch`;
  const database = await openDatabase(databaseUrl);
  const rows = challenges(database);
  const sent: Sent[] = [];
  for (let at = 0; at < (rounds + 1) * count; at += 1) {
    const [id, uuid] = [randomUUID(), randomUUID()];
    await rows.insert(pendingChallenge(id, uuid));
    const body = sampleCallback(uuid, 246813579, id);
    const headers = signedHeaders(body, url, API_KEY);
    sent.push({ method: "POST", path: "/webhooks/authy/onetouch", headers, body: JSON.stringify(body) });
  }
  await database.destroy();
  let at = 0;
  const [example] = sent;
  if (example === undefined) throw new Error("nothing to send");
  return compare(
    {
      name: "callback",
      what: "signed callback: judged, settled, rung",
      baseline: "a bare Node server that parses the JSON",
    },
    { ours: sender(port, () => sent[at++] ?? example), bare: sender(barePort, () => example) },
    { rounds, count },
  );
}

/** Sends `count` requests, a few at a time, over connections that are kept. */
function sender(port: number, next: () => Sent): Side {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const { method, path, headers, body } = next();
      const sending = request(
        { host: "127.0.0.1", port, method, path, agent, headers: { ...headers, host: `localhost:${port}` } },
        (answer) => {
          answer.resume();
          answer.once("end", () => {
            if (answer.statusCode === 200) resolve();
            else reject(new Error(`${method} ${path} answered ${answer.statusCode ?? 0}`));
          });
        },
      );
      sending.once("error", reject);
      sending.end(body);
    });
  return async (count) => {
    let left = count;
    const line = async (): Promise<void> => {
      while (left-- > 0) await one();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, line));
  };
}

async function startBare(): Promise<{ server: Server; port: number }> {
  const text = "x".repeat(2300);
  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on("data", (part: Buffer) => parts.push(part));
    req.on("end", () => {
      if (req.method === "POST") JSON.parse(Buffer.concat(parts).toString("utf8"));
      res.writeHead(200, { "content-type": "text/html" }).end(text);
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, port };
}
