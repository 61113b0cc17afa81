import { type Agent, type ClientRequest, type IncomingHttpHeaders, request } from "node:http";
import { type HTMLElement, parse } from "node-html-parser";

import { type EventStream, readEvents } from "./event-stream.js";

const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/** A person reloads a page that stays white for so long. */
const ANSWER_WITHIN_MS = 20_000;
const MOST_REDIRECTS = 10;

/** An answer as it came: redirects are not followed. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Where a redirect goes, as the header has it; empty without one. */
  readonly location: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** What a browser shows after a request and the redirects that followed it. */
export interface Page extends Answer {
  readonly url: URL;
  readonly html: HTMLElement;
}

export interface Sending {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

type Fields = Readonly<Record<string, string>>;

/**
 * A browser without JavaScript. It keeps cookies and the form token of the last page that it saw. Every call rejects when
 * the connection breaks, or when no answer has come after 20 s.
 */
export interface Browser {
  readonly origin: string;
  readonly cookies: Map<string, string>;
  /** The same browser's second tab, a slow request, or a thief: one that starts with the cookies of this moment. */
  copy(site?: string): Browser;
  /** Sends whatever it is told to. */
  send(method: string, path: string, sending?: Sending): Promise<Answer>;
  get(path: string, headers?: Fields): Promise<Answer>;
  /** Posts a form as a page of the site would, with its token unless `fields` has one. */
  post(path: string, fields?: Fields, headers?: Fields): Promise<Answer>;
  /** The form token; asks for a page when none was seen yet. */
  token(): Promise<string>;
  /** Opens a page and follows redirects. */
  visit(path: string): Promise<Page>;
  /** Fills the page's form that goes to `action` and sends it; fields that the form doesn't have cannot be filled. */
  submit(page: Page, action: string, fields?: Fields): Promise<Page>;
  /** Reads an event stream to its end, whatever that is. */
  watch(path: string, onStatus?: (status: string) => void): EventStream;
}

export interface BrowserSettings {
  /** Sent as `X-Forwarded-For`. */
  readonly address?: string;
  readonly userAgent?: string;
  /** Sent as `Accept-Language`. */
  readonly language?: string;
  /** The cookies of another one: the same browser, at another process. */
  readonly cookies?: Map<string, string>;
  /** The form token, where it is known already. */
  readonly token?: string;
  /** Keeps connections; without it each request has one of its own, which a load balancer can send anywhere. */
  readonly agent?: Agent;
  readonly onAnswer?: (answer: Answer, path: string) => void;
  /** Sends requests in another way than over HTTP/1.1 without encryption. */
  readonly request?: SendRequest;
}

/** Begins a request; its body and its end are still to come. */
export type SendRequest = (
  method: string,
  path: string,
  headers: Readonly<Record<string, string | string[]>>,
) => ClientRequest;

/**
 * Opens a browser without cookies.
 * @param origin - The site's public address, for instance `http://localhost:3000`.
 */
export function openBrowser(origin: string, settings: BrowserSettings = {}): Browser {
  const cookies = settings.cookies ?? new Map<string, string>();
  const { hostname, port } = new URL(origin);
  const host = hostname === "localhost" ? "127.0.0.1" : hostname;
  const base = {
    host: `${hostname}:${port}`,
    "user-agent": settings.userAgent ?? USER_AGENT,
    accept: "text/html",
    ...(settings.language === undefined ? {} : { "accept-language": settings.language }),
    ...(settings.address === undefined ? {} : { "x-forwarded-for": settings.address }),
  };
  let { token } = settings;

  function open(method: string, path: string, headers: NonNullable<Sending["headers"]>): ClientRequest {
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join("; ");
    const all = { ...base, ...(cookie === "" ? {} : { cookie }), ...headers } as Record<string, string | string[]>;
    if (settings.request !== undefined) return settings.request(method, path, all);
    return request({
      ...{ agent: settings.agent ?? false, hostname: host, port, method, path, setHost: false, headers: all },
    });
  }

  async function send(method: string, path: string, { headers = {}, body }: Sending = {}): Promise<Answer> {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const answer = await exchange(open(method, path, { ...length, ...headers }), body);
    for (const line of answer.headers["set-cookie"] ?? []) keepCookie(cookies, line);
    token = formToken(answer.body) ?? token;
    settings.onAnswer?.(answer, path);
    return answer;
  }

  async function follow(url: URL, answer: Answer): Promise<Page> {
    for (let redirects = 0; answer.status >= 300 && answer.status < 400 && answer.location !== ""; redirects++) {
      if (redirects === MOST_REDIRECTS) throw new Error(`${url.pathname} redirects in circles`);
      url = new URL(answer.location, url);
      answer = await send("GET", url.pathname + url.search);
    }
    return { ...answer, url, html: parse(answer.body) };
  }

  const browser: Browser = {
    origin,
    cookies,
    copy: (site = origin) =>
      openBrowser(site, { ...settings, cookies: new Map(cookies), ...(token === undefined ? {} : { token }) }),
    send,
    get: (path, headers = {}) => send("GET", path, { headers }),
    async token() {
      // Whoever is signed in has the token on the account page; who is about to be, on the waiting page.
      for (const path of ["/login", "/account", "/login/approval"]) if (token === undefined) await send("GET", path);
      if (token === undefined) throw new Error("no page has a form token");
      return token;
    },
    async post(path, fields = {}, headers = {}) {
      const csrf = fields["csrf"] ?? (await browser.token());
      const body = new URLSearchParams({ csrf, ...fields }).toString();
      return send("POST", path, { body, headers: { ...formHeaders(origin), ...headers } });
    },
    visit: async (path) => follow(new URL(path, origin), await send("GET", path)),
    async submit(page, action, fields = {}) {
      const form = page.html.querySelectorAll("form").find((each) => {
        const target = new URL(each.getAttribute("action") ?? "", page.url).pathname;
        return target === action && hasFields(each, fields);
      });
      if (!form) {
        const wanted = Object.keys(fields).join(", ") || "a button";
        throw new Error(`${page.url.pathname} (${page.status}) has no form to ${action} with ${wanted}`);
      }
      return follow(new URL(action, page.url), await browser.post(action, { ...presetFields(form), ...fields }));
    },
    watch: (path, onStatus) => readEvents(open("GET", path, { accept: "text/event-stream" }), onStatus),
  };
  return browser;
}

/** The form token that a page holds. */
function formToken(html: string): string | undefined {
  return /name="csrf" value="([^"]+)"/.exec(html)?.[1];
}

/** What a browser sends with a form of the site's own page. */
export function formHeaders(origin: string): Record<string, string> {
  return { "content-type": "application/x-www-form-urlencoded", origin, "sec-fetch-site": "same-origin" };
}

function exchange(outgoing: ClientRequest, body: string | Buffer | undefined): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => outgoing.destroy(new Error("no answer in time")), ANSWER_WITHIN_MS);
    const fail = (cause: Error): void => {
      clearTimeout(giveUp);
      reject(cause);
    };
    outgoing.on("error", fail);
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", fail);
      incoming.on("end", () => {
        clearTimeout(giveUp);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString("utf8"),
          location: incoming.headers.location ?? "",
          ms: performance.now() - startedAt,
        });
      });
    });
    outgoing.end(body);
  });
}

function keepCookie(cookies: Map<string, string>, line: string): void {
  const [pair = "", ...attributes] = line.split(";");
  const at = pair.indexOf("=");
  const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1)];
  const isGone = attributes.some((each) => /^\s*expires=Thu, 01 Jan 1970/i.test(each));
  if (isGone || value === "") cookies.delete(name);
  else cookies.set(name, value);
}

/** Inputs take any value; of what can only be pressed or chosen, the form must offer that very value. */
function hasFields(form: HTMLElement, fields: Fields): boolean {
  return Object.entries(fields).every(([name, value]) =>
    form.querySelectorAll(`[name="${name}"]`).some((field) => {
      const isFixed =
        field.tagName === "BUTTON" || ["hidden", "radio", "checkbox"].includes(field.getAttribute("type") ?? "");
      return !isFixed || field.getAttribute("value") === value;
    }),
  );
}

function presetFields(form: HTMLElement): Record<string, string> {
  const preset = form.querySelectorAll("input[name]").filter((input) => {
    const type = input.getAttribute("type") ?? "text";
    return !["radio", "checkbox", "submit"].includes(type) || input.hasAttribute("checked");
  });
  return Object.fromEntries(preset.map((i) => [i.getAttribute("name") ?? "", i.getAttribute("value") ?? ""]));
}
