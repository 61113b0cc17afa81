import { createHash } from "node:crypto";
import { Agent } from "node:https";
import got, { RequestError } from "got";

import { encryptPush } from "./encrypt-push.js";
import { PrivateAddress, lookupPublic } from "./public-address.js";
import { type GivenSubscription, type HostRule, readSubscription, type SubscriptionProblem } from "./push-endpoint.js";
import { vapidAuthorization, type VapidKey } from "./vapid.js";

/** Answers carry nothing that we need. */
const MAX_ANSWER_BYTES = 4096;
const MAX_RETRY_AFTER_SECONDS = 3600;
/** A page waits for this, and must answer within 4.5 s. */
const TIMEOUT = { lookup: 1000, connect: 1500, secureConnect: 2000, send: 2000, response: 3000, request: 3000 };

/** What became of one push. `status` is the service's; null where it gave none. */
export type PushResult =
  /** The service took it. */
  | { readonly kind: "sent"; readonly status: number }
  /** 404, 410: this subscription has ended. */
  | { readonly kind: "gone"; readonly status: number }
  /** The service does not want it like this: trying again changes nothing, and the subscription may yet be good. */
  | { readonly kind: "refused"; readonly status: number }
  /** Too many, out of order, or nothing in time: worth another try. */
  | { readonly kind: "later"; readonly status: number | null; readonly retryAfterSeconds: number | null }
  /** Our own rules forbid it; nothing was connected to. */
  | { readonly kind: "forbidden"; readonly reason: SubscriptionProblem | "private-address" };

/** One push to one subscription. */
export interface OutgoingPush {
  /** At most what every text is padded to. */
  readonly text: Buffer;
  /** Names the challenge towards the service, which replaces an earlier push of the same topic. */
  readonly topic: string;
  /** How long the service may keep it, 1 or more. */
  readonly ttlSeconds: number;
}

/** Sends one push. Never throws for what the other side does. */
export type SendPush = (subscription: GivenSubscription, key: VapidKey, push: OutgoingPush) => Promise<PushResult>;

/** The topic of a challenge: 32 hex digits that tell the push service nothing. */
export function pushTopic(challengeId: string): string {
  return createHash("sha256").update(challengeId).digest("hex").slice(0, 32);
}

/**
 * The only place that speaks to push services. Asks each once, follows no redirect, reads at most 4 KiB of an answer,
 * waits at most 3 s, and connects to no address that it has not checked itself.
 *
 * @param subject - Where push services find us: `mailto:` or `https:`; null leaves it out.
 */
export function pushSender(isListed: HostRule, subject: string | null, now: () => Date): SendPush {
  const agent = new Agent({ keepAlive: true, timeout: 10_000, maxSockets: 50 });
  const client = got.extend({
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: TIMEOUT,
    decompress: false,
    dnsLookup: lookupPublic as never,
    agent: { https: agent },
    headers: { "user-agent": "Countersign" },
  });
  return async (subscription, key, { text, topic, ttlSeconds }) => {
    const to = readSubscription(subscription, isListed);
    if (typeof to === "string") return { kind: "forbidden", reason: to };
    const request = client.stream.post(to.endpoint, {
      headers: {
        authorization: vapidAuthorization(key, to.endpoint, subject, now()),
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        ttl: String(Math.max(1, Math.floor(ttlSeconds))),
        urgency: "high",
        topic,
      },
      body: encryptPush(text, to),
    });
    return new Promise((resolve) => {
      let read = 0;
      request.on("error", (error: unknown) => {
        resolve(resultOfError(error));
      });
      request.on("response", ({ statusCode, headers }: { statusCode: number; headers: Record<string, string> }) => {
        resolve(resultOf(statusCode, headers["retry-after"], now()));
      });
      // The status is all that counts. A short answer is read to its end, so that the connection can be used again.
      request.on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read > MAX_ANSWER_BYTES) request.destroy();
      });
    });
  };
}

function resultOf(status: number, retryAfter: string | undefined, now: Date): PushResult {
  if (status >= 200 && status < 300) return { kind: "sent", status };
  if (status === 404 || status === 410) return { kind: "gone", status };
  if (status === 429 || status >= 500)
    return { kind: "later", status, retryAfterSeconds: retryAfterSeconds(retryAfter, now) };
  return { kind: "refused", status };
}

/** Only what we judge ourselves is told apart: whatever else went wrong on the way may go well a little later. */
function resultOfError(error: unknown): PushResult {
  const cause = error instanceof RequestError ? (error.cause ?? error) : error;
  return cause instanceof PrivateAddress
    ? { kind: "forbidden", reason: "private-address" }
    : { kind: "later", status: null, retryAfterSeconds: null };
}

/** Seconds or a date, as the header may have either; null without a usable one. */
function retryAfterSeconds(header: string | undefined, now: Date): number | null {
  if (header === undefined) return null;
  const seconds = /^\d{1,9}$/.test(header) ? Number(header) : (Date.parse(header) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 1), MAX_RETRY_AFTER_SECONDS) : null;
}
