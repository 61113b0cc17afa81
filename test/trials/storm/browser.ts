import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/** A person reloads a page that stays white for so long. */
const ANSWER_WITHIN_MS = 20_000;
const SILENT_STREAM_MS = 20_000;

/** An answer as it came: redirects are not followed. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly location: string;
  readonly ms: number;
}

/** How a stream ended: with a final event, cut off, or refused with a status. */
export type StreamEnd = { readonly final: string } | { readonly cut: number } | { readonly refused: number };

/** A browser with cookies, one connection for each request, and the patience of a person. */
export interface Browser {
  readonly cookies: Map<string, string>;
  /** @returns null when the connection broke or no answer came in time. */
  get(path: string, accept?: string): Promise<Answer | null>;
  /** Posts a form of the site's own page. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Answer | null>;
  /** Reads an event stream to its end, whatever that is. */
  watch(path: string, onEvent?: (status: string) => void): Promise<StreamEnd>;
}

/** @param told - Hears how long each answer took. */
export function openBrowser(
  origin: string,
  told: (answer: { ms: number; path: string; status: number }) => void,
): Browser {
  const cookies = new Map<string, string>();
  const { hostname, port } = new URL(origin);

  function open(method: string, path: string, headers: Record<string, string>): ClientRequest {
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join("; ");
    const base = { "user-agent": USER_AGENT, ...(cookie === "" ? {} : { cookie }) };
    return request({ hostname, port, method, path, agent: false, headers: { ...base, ...headers } });
  }

  function exchange(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Answer | null> {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const outgoing = open(method, path, headers);
      const giveUp = setTimeout(() => outgoing.destroy(new Error("no answer in time")), ANSWER_WITHIN_MS);
      const broke = (): void => {
        clearTimeout(giveUp);
        resolve(null);
      };
      outgoing.on("error", broke);
      outgoing.on("response", (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", broke);
        incoming.on("end", () => {
          clearTimeout(giveUp);
          keepCookies(cookies, incoming);
          const ms = performance.now() - startedAt;
          const { statusCode: status = 0, headers: answered } = incoming;
          told({ ms, path, status });
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status, headers: answered, body: text, location: answered.location ?? "", ms });
        });
      });
      outgoing.end(body);
    });
  }

  return {
    cookies,
    get: (path, accept = "text/html") => exchange("GET", path, { accept }),
    post(path, fields) {
      const body = new URLSearchParams(fields).toString();
      const form = { "content-type": "application/x-www-form-urlencoded", origin, "sec-fetch-site": "same-origin" };
      return exchange("POST", path, { ...form, "content-length": String(Buffer.byteLength(body)) }, body);
    },
    watch: (path, onEvent) => readStream(open("GET", path, { accept: "text/event-stream" }), onEvent),
  };
}

function readStream(outgoing: ClientRequest, onEvent?: (status: string) => void): Promise<StreamEnd> {
  return new Promise((resolve) => {
    let final: string | undefined;
    let retryMs = 2000;
    const done = (): void => {
      clearTimeout(silent);
      resolve(final === undefined ? { cut: retryMs } : { final });
    };
    let silent = setTimeout(() => outgoing.destroy(), SILENT_STREAM_MS);
    outgoing.on("error", done);
    outgoing.on("response", (incoming) => {
      if (incoming.statusCode !== 200) {
        clearTimeout(silent);
        incoming.resume();
        resolve({ refused: incoming.statusCode ?? 0 });
        return;
      }
      let rest = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        clearTimeout(silent);
        silent = setTimeout(() => outgoing.destroy(), SILENT_STREAM_MS);
        const blocks = (rest + chunk).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          retryMs = Number(/^retry: (\d+)$/m.exec(block)?.[1] ?? retryMs);
          const status = /"status":"([a-z]+)"/.exec(block)?.[1];
          if (status === undefined) continue;
          onEvent?.(status);
          if (status !== "pending") final = status;
        }
      });
      incoming.on("error", done);
      incoming.on("close", done);
    });
    outgoing.end();
  });
}

function keepCookies(cookies: Map<string, string>, incoming: IncomingMessage): void {
  for (const line of incoming.headers["set-cookie"] ?? []) {
    const [pair = "", ...attributes] = line.split(";");
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1)];
    if (value === "" || attributes.some((each) => /^\s*expires=Thu, 01 Jan 1970/i.test(each))) cookies.delete(name);
    else cookies.set(name, value);
  }
}
