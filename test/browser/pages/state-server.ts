import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import QRCode from "qrcode";
import { LANGUAGES, type Language } from "../../../src/domain/language.js";
import { assets } from "../../../src/http/assets.js";
import { pageEnvironment } from "../../../src/http/views.js";
import { PSEUDO, textsWithPseudo } from "../../kit/pseudo-language.js";
import type { Owner } from "../../kit/owner.js";
import { PAGE_STATES } from "./states.js";

/** The policy of the program, word for word: a page that needs more than this is broken. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/** What a test wants of one request to the challenge's stream or status; false leaves it to the server. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface StateServer {
  origin: string;
  /** Path and method of every request so far. */
  requests: string[];
  /** Looked at first, for every request. */
  answer: Answer;
}

/** As the program serves them, compressed. */
const serveAssets = new Koa().use(assets(false)).callback();
const texts = textsWithPseudo();
const engines = new Map([...LANGUAGES, PSEUDO].map((language) => [language, pageEnvironment(texts, language)]));

/**
 * The HTML of one state of one page.
 *
 * @param waiting - what differs in the waiting part.
 * @param language - one that ships, or the pseudo-language.
 * @throws when the template asks for something that the state does not hold.
 */
export function renderState(name: string, waiting: Record<string, unknown> = {}, language: Language = "en"): string {
  const state = PAGE_STATES.find((known) => known.name === name);
  if (!state) throw new Error(`no page state is called ${name}`);
  const locals = { ...state.locals, page: state.template };
  const changed = state.locals["waiting"] ? { waiting: { ...state.locals["waiting"], ...waiting } } : {};
  const engine = engines.get(language);
  if (!engine) throw new Error(`nobody speaks ${language}`);
  return engine.render(`${state.template}.njk`, { assets: "/assets", ...locals, ...changed });
}

/** Serves every page state at `/states/NAME` with the program's policy, on a free port of the loopback. */
export async function serveStates(owner: Owner): Promise<StateServer> {
  const server: Server = createServer((request, response) => {
    const path = request.url ?? "/";
    states.requests.push(`${request.method ?? ""} ${path}`);
    if (states.answer(request, response)) return;
    if (path.startsWith("/assets/")) return void serveAssets(request, response);
    // A page that sends its form by itself stays.
    if (request.method === "POST" && !path.endsWith("/passkey/options")) return void response.writeHead(204).end();
    void respond(path, response).catch(() => {
      response.writeHead(404).end();
    });
  });
  const states: StateServer = {
    origin: "",
    requests: [],
    answer: () => false,
  };
  owner.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  states.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return states;
}

async function respond(path: string, response: ServerResponse): Promise<void> {
  const headers = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
  };
  if (path.startsWith("/states/")) {
    const { pathname, searchParams } = new URL(path, "http://here.invalid");
    const language = (searchParams.get("language") ?? "en") as Language;
    const html = renderState(pathname.slice("/states/".length), {}, language);
    response.writeHead(200, { ...headers, "Content-Type": "text/html; charset=utf-8" }).end(html);
  } else if (path.endsWith("/qrcode.svg")) {
    const svg = await QRCode.toString(`authy://account?token=${"eyJhbGciOiJIUzI1NiJ9.".repeat(12)}`, { type: "svg" });
    response.writeHead(200, { ...headers, "Content-Type": "image/svg+xml" }).end(svg);
  } else if (path.endsWith("/events")) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(`retry: 2000\n\nevent: status\nid: 1\ndata: ${JSON.stringify(pending)}\n\n`);
  } else if (path.endsWith("/passkey/options")) {
    // By a numeric address no browser has a passkey: nothing is offered, and nothing complained of.
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ challenge: "AAAA" }));
  } else if (path.startsWith("/challenges/")) {
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(pending));
  } else {
    response.writeHead(404).end();
  }
}

const pending = { id: "c1", kind: "approval", status: "pending", expiresAt: "2026-11-24T10:44:07.000Z" };
