import Router from "@koa/router";
import type Koa from "koa";
import rawBody from "raw-body";

import { logSettled } from "../../domain/announce-settled.js";
import type { Deps, Log, LogFields } from "../../domain/deps.js";
import { receiveCallback, receiveEvent } from "../../domain/receive-callback.js";
import { callbackNotice } from "./callback-notice.js";
import { hasGoodSignature, type Json } from "./callback-signature.js";
import { readWebhookToken } from "./webhook-token.js";

const MAX_BYTES = 65_536;
const MAX_DEPTH = 16;
const MAX_KEYS = 512;
/** Authy waits for the answer. */
const EVENTS_WITHIN_MS = 1000;

/** Where Authy calls, and with which keys. */
export interface CallbackSettings {
  /** The exact texts that are signed, as they stand in the Authy console. */
  readonly callbackUrl: string;
  readonly webhookUrl: string;
  /** More than one while keys change. */
  readonly callbackKeys: readonly string[];
  /** None: the events' address answers 404. */
  readonly webhookSigningKeys: readonly string[];
}

/** What the server keeps of each request for its line in the log. */
interface RequestState {
  logged: { readonly fields: LogFields; readonly message: string };
  /** How long before its callback a person answered. */
  ageMs?: number;
}

type Context = Koa.ParameterizedContext;

/** What Authy calls. The answers are short texts for machines; the log says which check failed, never which bytes. */
export function authyCallbacks(deps: Deps, authy: CallbackSettings): Router {
  const router = new Router();

  async function countWord(ctx: Context, next: Koa.Next): Promise<void> {
    await next();
    const { message } = ctx.body as { message: string };
    deps.tally.callback("authy-push", message, (ctx.state as RequestState).ageMs);
  }

  router.post("/webhooks/authy/onetouch", countWord, async function receiveOneTouch(ctx) {
    const signature = onlyHeader(ctx, "x-authy-signature");
    const nonce = onlyHeader(ctx, "x-authy-signature-nonce");
    // Junk is refused before its body is read.
    if (signature === null || nonce === null) {
      answer(ctx, 401, "signature or nonce missing or repeated");
      return;
    }
    const body = await readBody(ctx, ["application/json"]);
    if (body === null) return;
    const params = parseJson(body.text);
    if (params === null) {
      answer(ctx, 400, "body not readable");
      return;
    }
    const signed = { nonce, method: "POST", url: authy.callbackUrl, params } as const;
    if (!authy.callbackKeys.some((key) => hasGoodSignature(signed, signature, key))) {
      answer(ctx, 401, "signature does not match");
      return;
    }
    const notice = callbackNotice(params, signature);
    if (notice === null) {
      answer(ctx, 200, "ignored: not an approval callback");
      return;
    }
    const received = await receiveCallback(deps, notice);
    answer(ctx, 200, received.word);
    if (received.word !== "settled") return;
    if (notice.answeredAt !== null)
      (ctx.state as RequestState).ageMs = deps.now().getTime() - notice.answeredAt.getTime();
    logSettled(lineOf(ctx), received.settled, "callback");
  });

  router.post("/webhooks/authy/events", countWord, async function receiveEvents(ctx) {
    if (authy.webhookSigningKeys.length === 0) {
      answer(ctx, 404, "events are not enabled");
      return;
    }
    const body = await readBody(ctx, ["application/json", "application/x-www-form-urlencoded"]);
    if (body === null) return;
    const token = tokenIn(body);
    if (token === null) {
      answer(ctx, 400, "body not readable");
      return;
    }
    const notices = authy.webhookSigningKeys
      .map((key) => readWebhookToken(token, key, authy.webhookUrl))
      .find((read) => read !== null);
    if (notices === undefined) {
      answer(ctx, 401, "invalid token");
      return;
    }
    const until = performance.now() + EVENTS_WITHIN_MS;
    // What comes too late here the poller asks about anyway.
    for (const notice of notices) if (performance.now() < until) await receiveEvent(deps, notice);
    answer(ctx, 200, "accepted");
  });

  // OPTIONS too: no browser of another site has any business here.
  router.all(["/webhooks/authy/onetouch", "/webhooks/authy/events"], function refuseOtherMethods(ctx) {
    ctx.set("Allow", "POST");
    answer(ctx, 405, "POST only");
  });
  return router;
}

function answer(ctx: Context, status: number, word: string): void {
  lineOf(ctx).info({ word }, "webhook");
  ctx.status = status;
  ctx.body = { message: word };
}

/** The one line that the log has of this request: what is said here goes into it. */
function lineOf(ctx: Context): Pick<Log, "info"> {
  const state = ctx.state as RequestState;
  return {
    info(fields, message) {
      state.logged = { message, fields: { ...state.logged.fields, ...fields } };
    },
  };
}

/** A header that came exactly once and not empty; Node joins repeated ones with a comma. */
function onlyHeader(ctx: Context, name: string): string | null {
  const values: string[] = [];
  for (let at = 0; at < ctx.req.rawHeaders.length; at += 2)
    if (ctx.req.rawHeaders[at]?.toLowerCase() === name) values.push(ctx.req.rawHeaders[at + 1] ?? "");
  const [value] = values;
  return values.length === 1 && value !== undefined && value !== "" && value.length <= 512 ? value : null;
}

interface Body {
  readonly text: string;
  readonly isForm: boolean;
}

/** The raw text of a body of one of the types, in UTF-8; answers by itself and gives null when it is not one. */
async function readBody(ctx: Context, types: string[]): Promise<Body | null> {
  const type = ctx.is(types);
  const isPlain = (ctx.get("Content-Encoding") || "identity") === "identity";
  if (type === false || type === null || !isPlain || !/^(utf-?8)?$/i.test(ctx.request.charset)) {
    answer(ctx, 415, "unsupported content type");
    return null;
  }
  let bytes: Buffer;
  try {
    bytes = await rawBody(ctx.req, { limit: MAX_BYTES, length: ctx.request.length });
  } catch (error) {
    const isTooLarge = (error as { type?: unknown }).type === "entity.too.large";
    if (isTooLarge) ctx.set("Connection", "close");
    answer(ctx, isTooLarge ? 413 : 400, isTooLarge ? "body too large" : "body not readable");
    return null;
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), isForm: ctx.is("urlencoded") !== false };
  } catch {
    answer(ctx, 400, "body not readable");
    return null;
  }
}

/** A JSON object of bounded depth and size without hostile keys; null for anything else. */
function parseJson(text: string): Record<string, Json> | null {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return isBounded(value) ? value : null;
}

function isBounded(top: Json): boolean {
  let keys = 0;
  const visit = (value: Json, depth: number): boolean => {
    if (typeof value === "number") return Number.isFinite(value);
    if (typeof value !== "object" || value === null) return true;
    if (depth > MAX_DEPTH) return false;
    for (const [key, inner] of Object.entries(value)) {
      keys += 1;
      // A key with brackets would read like a nested one in the signed text.
      if (keys > MAX_KEYS || key === "__proto__" || /[[\]]/.test(key) || !visit(inner, depth + 1)) return false;
    }
    return true;
  };
  return visit(top, 1);
}

function tokenIn({ text, isForm }: Body): string | null {
  if (!isForm) {
    const token = parseJson(text)?.["body"];
    return typeof token === "string" && token !== "" ? token : null;
  }
  const tokens = new URLSearchParams(text).getAll("body");
  return tokens.length === 1 && tokens[0] !== "" ? (tokens[0] ?? null) : null;
}
