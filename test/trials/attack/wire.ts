import { Agent, type IncomingHttpHeaders, request } from "node:http";

const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/** An answer as it came: redirects are not followed. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Where a redirect goes, as the header has it; empty without one. */
  readonly location: string;
}

export interface Sending {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

/** A bare HTTP client that keeps cookies: fast enough to attack with, and it sends whatever it is told to. */
export interface Wire {
  readonly origin: string;
  readonly cookies: Map<string, string>;
  send(method: string, path: string, sending?: Sending): Promise<Reply>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  /** Posts a form as a page of the site would, its token included. */
  post(
    path: string,
    fields?: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Reply>;
  /** The form token of this browser. */
  token(): Promise<string>;
}

export interface WireSettings {
  /** Sent as `X-Forwarded-For`. */
  readonly address?: string;
  readonly userAgent?: string;
  /** The cookies of another wire: the same browser, at another process. */
  readonly cookies?: Map<string, string>;
  /** The form token, where it is known already. */
  readonly token?: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Opens a browser without cookies. */
export function openWire(origin: string, settings: WireSettings = {}): Wire {
  const cookies = settings.cookies ?? new Map<string, string>();
  const base: Record<string, string> = {
    "user-agent": settings.userAgent ?? USER_AGENT,
    accept: "text/html",
    ...(settings.address === undefined ? {} : { "x-forwarded-for": settings.address }),
  };
  let { token } = settings;

  async function send(method: string, path: string, { headers = {}, body }: Sending = {}): Promise<Reply> {
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join("; ");
    const reply = await exchange(origin, method, path, body, {
      ...base,
      ...(cookie === "" ? {} : { cookie }),
      ...headers,
    });
    for (const line of reply.headers["set-cookie"] ?? []) keep(cookies, line);
    return reply;
  }

  return {
    origin,
    cookies,
    send,
    get: (path, headers = {}) => send("GET", path, { headers }),
    async token() {
      // Whoever is signed in has the token on the account page; who is about to be, on the waiting page.
      for (const page of token === undefined ? ["/login", "/account", "/login/approval"] : [])
        token ??= /name="csrf" value="([^"]+)"/.exec((await send("GET", page)).body)?.[1];
      if (token === undefined) throw new Error("no page has a form token");
      return token;
    },
    async post(path, fields = {}, headers = {}) {
      const body = new URLSearchParams({ csrf: await this.token(), ...fields }).toString();
      return send("POST", path, { body, headers: { ...formHeaders(origin), ...headers } });
    },
  };
}

/** What a browser sends with a form of the site's own page. */
export function formHeaders(origin: string): Record<string, string> {
  return { "content-type": "application/x-www-form-urlencoded", origin, "sec-fetch-site": "same-origin" };
}

function keep(cookies: Map<string, string>, line: string): void {
  const [pair = "", ...attributes] = line.split(";");
  const at = pair.indexOf("=");
  const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1)];
  const isGone = attributes.some((each) => /^\s*expires=Thu, 01 Jan 1970/i.test(each));
  if (isGone || value === "") cookies.delete(name);
  else cookies.set(name, value);
}

function exchange(
  origin: string,
  method: string,
  path: string,
  body: string | Buffer | undefined,
  headers: Readonly<Record<string, string | readonly string[]>>,
): Promise<Reply> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        hostname: hostname === "localhost" ? "127.0.0.1" : hostname,
        port,
        method,
        path,
        setHost: false,
        headers: {
          host: `${hostname}:${port}`,
          ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
          ...headers,
        } as Record<string, string | string[]>,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString("utf8"),
            location: incoming.headers.location ?? "",
          });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
