import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Redis } from "ioredis";

/**
 * The least that a server could do to tell a waiting browser of a callback, or to answer a proxy: `node:http` and `ioredis`. No signature, no
 * database, no framework, nothing checked. A program of its own, beside which the product is measured.
 */
const publisher = new Redis(process.env["REDIS_URL"] ?? "");
const subscriber = new Redis(process.env["REDIS_URL"] ?? "");
const waiting = new Map<string, ServerResponse>();
const statuses = new Map<string, string>();

subscriber.on("message", (channel: string, status: string) => {
  const id = channel.slice("bare:".length);
  waiting.get(id)?.write(eventText(id, status));
});

const server = createServer((req, res) => {
  const url = req.url ?? "/";
  if (req.method === "POST") void takeCallback(req, res);
  else if (url.startsWith("/streams/")) void openStream(url.slice("/streams/".length), res);
  else if (url.startsWith("/status/")) tellStatus(url.slice("/status/".length), res);
  else if (url === "/auth-request") admit(res);
  else res.end("ready");
});

/** What nginx asks before each page. */
function admit(res: ServerResponse): void {
  res.setHeader("Remote-User", "ann");
  res.end();
}

async function takeCallback(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  const callback = JSON.parse(Buffer.concat(parts).toString("utf8")) as Callback;
  const { challenge_id: id } = callback.approval_request.transaction.hidden_details;
  statuses.set(id, callback.status);
  await publisher.publish(`bare:${id}`, callback.status);
  res.end("accepted");
}

interface Callback {
  readonly status: string;
  readonly approval_request: { readonly transaction: { readonly hidden_details: { readonly challenge_id: string } } };
}

async function openStream(id: string, res: ServerResponse): Promise<void> {
  res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", connection: "close" });
  waiting.set(id, res);
  res.once("close", () => {
    waiting.delete(id);
    void subscriber.unsubscribe(`bare:${id}`);
  });
  await subscriber.subscribe(`bare:${id}`);
  res.write(eventText(id, "pending"));
}

/** What a page that polls asks once a second. */
function tellStatus(id: string, res: ServerResponse): void {
  res.setHeader("content-type", "application/json");
  res.end(JSON.stringify({ id, status: statuses.get(id) ?? "pending" }));
}

function eventText(id: string, status: string): string {
  return `event: status\ndata: ${JSON.stringify({ id, status })}\n\n`;
}

server.timeout = 0;
server.keepAliveTimeout = 65_000;
server.listen(Number(process.env["PORT"]), "127.0.0.1");
