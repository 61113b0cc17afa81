import { request } from "node:http";

import type { Browser } from "./browser.js";

/** The head of a request by which a browser opens a page. */
export const PAGE = { accept: "text/html", "sec-fetch-mode": "navigate" };

type Headers = Readonly<Record<string, string | string[]>>;

/** What the gate answers to a proxy, or to a browser on a site's own host. */
export interface GateAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Where a redirect goes; empty without one. */
  readonly location: string;
  readonly body: string;
}

/** One browser at one site: its cookies there, and what the proxy in front of the site asks for each of its requests. */
export interface Visitor {
  readonly site: string;
  readonly cookies: Map<string, string>;
  /** As Caddy, Traefik and HAProxy ask. */
  ask(uri: string, more?: Headers, method?: string): Promise<GateAnswer>;
  /** As nginx asks. */
  check(uri: string, more?: Headers, method?: string): Promise<GateAnswer>;
  /** What nginx passes on to us of the site's own paths, and after a 401. */
  nginx(path: string, uri: string, more?: Headers, method?: string): Promise<GateAnswer>;
  /** From a page of the site over our own origin and back, with a browser that is signed in there. */
  signIn(browser: Browser, uri?: string): Promise<GateAnswer>;
}

/**
 * Opens a browser without cookies at a site.
 * @param site - Its origin.
 * @param gate - Where we listen.
 */
export function visitSite(site: string, gate: string): Visitor {
  const cookies = new Map<string, string>();
  const { protocol, host } = new URL(site);

  async function ask(path: string, uri: string, more: Headers = {}, method = "GET"): Promise<GateAnswer> {
    const forwarded = {
      "x-forwarded-proto": protocol.slice(0, -1),
      "x-forwarded-host": host,
      "x-forwarded-uri": uri,
      "x-forwarded-method": method,
    };
    const original = { "x-original-url": site + uri, "x-original-method": method };
    const cookie = Array.from(cookies, ([name, value]) => `${name}=${value}`).join("; ");
    const told = path === "/forward-auth" ? forwarded : original;
    const answer = await askGate(gate, path, { ...told, ...(cookie === "" ? {} : { cookie }), host, ...more });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    return answer;
  }

  const visitor: Visitor = {
    site,
    cookies,
    ask: (uri, more = PAGE, method = "GET") => ask("/forward-auth", uri, more, method),
    check: (uri, more = {}, method = "GET") => ask("/auth-request", uri, more, method),
    nginx: (path, uri, more = PAGE, method = "GET") => ask(path, uri, more, method),
    async signIn(browser, uri = "/") {
      const us = new URL((await visitor.ask(uri)).location);
      const back = (await browser.get(us.pathname + us.search)).location;
      if (!back.startsWith(`${site}/`)) throw new Error(`a page stands in the way: ${back}`);
      return visitor.ask(back.slice(site.length));
    },
  };
  return visitor;
}

/** Asks the gate with whatever head, each name as often as it has values. */
export function askGate(gate: string, path: string, headers: Headers): Promise<GateAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(gate);
    const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((each) => [name, each]));
    const sent = request({ hostname, port, path, headers: lines as unknown as Record<string, string>, setHost: false });
    sent.on("error", reject).on("response", (response) => {
      let body = "";
      response.on("data", (part) => (body += String(part)));
      response.on("end", () => {
        const { statusCode = 0, headers: got } = response;
        resolve({ status: statusCode, headers: got, location: got.location ?? "", body });
      });
    });
    sent.end();
  });
}
