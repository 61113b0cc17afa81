import { readFileSync } from "node:fs";
import Router from "@koa/router";
import type Koa from "koa";
import { z } from "zod";

import { claimPhone, findEnrolmentBySecret } from "../../domain/claim-phone.js";
import type { Deps, Origin, RateLimit } from "../../domain/deps.js";
import type { ActiveKey, PhoneCredential } from "../../domain/phone-key.js";
import { endedRequest, phoneRequests } from "../../domain/phone-requests.js";
import { plainText } from "../../domain/push-text.js";
import { hashSecret } from "../../domain/secrets.js";
import { secretIn } from "./enrolment-secret.js";
import { BadBody, readJson } from "./json-body.js";
import { isFreshNonce, newNonce } from "./nonce.js";
import { comparisonDigits, isSignedBy, readPhoneKey } from "./phone-key.js";
import type { PhoneStreams } from "./phone-streams.js";
import type { PhoneSettings } from "./provider.js";
import { type HostRule, readSubscription } from "./push-endpoint.js";
import { signedTexts } from "./signed-texts.js";
import { challengeFor, type CredentialJudge, type PhoneVerification } from "./verification.js";

/** As long as a session without "keep me signed in". */
const COOKIE_LIFE_MS = 12 * 3_600_000;
const LABEL_MAX = 60;
/** The accounts of one phone. */
const MAX_KEYS = 10;

/** What the pages of phones need of the web server around them. */
export interface PhoneSite {
  originOf(ctx: Koa.ParameterizedContext): Origin;
  /** What limits of addresses count by. */
  networkOf(address: string): string;
  isSameOrigin(ctx: Koa.ParameterizedContext): boolean;
  showPage(ctx: Koa.ParameterizedContext, page: string, locals: Readonly<Record<string, unknown>>): void;
  readCookie(ctx: Koa.ParameterizedContext): string;
  /** HttpOnly, SameSite=Strict, signed. */
  setCookie(ctx: Koa.ParameterizedContext, value: string, lifeMs: number): void;
}

export interface PhonePageSettings extends PhoneSettings {
  readonly appName: string;
  readonly isListed: HostRule;
  readonly verification: PhoneVerification;
  readonly credentials: CredentialJudge;
  /** The worker's module, as the asset folder has it. */
  readonly workerFile: string;
}

/** A refusal for the script of the page: a status and a word. */
class Refused extends Error {
  constructor(
    readonly status: number,
    readonly word: string,
  ) {
    super(word);
  }
}

const hash = z.string().regex(/^[\w-]{43}$/);
const signature = z.string().regex(/^[\w-]{86}$/);
const claim = z.strictObject({
  secret: z.string().max(64),
  publicKey: z.string().max(160),
  label: z.string().max(LABEL_MAX),
  signature,
  /** RegistrationResponseJSON */
  credential: z.record(z.string(), z.unknown()).optional(),
});
const opening = z.strictObject({
  nonce: z.string().max(120),
  proofs: z
    .array(z.strictObject({ key: hash, signature }))
    .min(1)
    .max(MAX_KEYS),
});
const subscription = z.strictObject({
  key: hash,
  endpoint: z
    .string()
    .max(1024)
    .regex(/^[\x21-\x7e]+$/),
  p256dh: z.string().regex(/^[\w-]{1,120}$/),
  auth: z.string().regex(/^[\w-]{1,40}$/),
  vapid: z.string().regex(/^[\w-]{1,120}$/),
  signature,
});

/** The installable page of phones of our own, and what its script asks. Everything that changes something is signed. */
export function phonePages(
  deps: Deps & { readonly rate: RateLimit },
  settings: PhonePageSettings,
  site: PhoneSite,
  streams: PhoneStreams,
): Router {
  const { publicUrl, sessionKeys, vapidKeys, isListed } = settings;
  const router = new Router({ strict: true });

  router.use(["/phone", "/phone/{*rest}"], async function answerScript(ctx, next) {
    try {
      if (ctx.method !== "GET" && ctx.method !== "HEAD" && !site.isSameOrigin(ctx))
        throw new Refused(403, "foreign-page");
      await next();
    } catch (error) {
      if (!(error instanceof Refused || error instanceof BadBody)) throw error;
      ctx.status = error.status;
      ctx.body = { error: error instanceof Refused ? error.word : "malformed" };
    }
  });

  router.get("/phone", function addSlash(ctx) {
    ctx.redirect("/phone/");
    ctx.status = 301;
  });

  router.get("/phone/", function showPhone(ctx) {
    ctx.set("Permissions-Policy", "camera=(self)");
    ctx.set("Content-Security-Policy", `${ctx.response.get("Content-Security-Policy")};trusted-types phone-worker`);
    site.showPage(ctx, "phone", {
      phoneLabel: plainText(site.originOf(ctx).browserLabel, LABEL_MAX),
      vapid: vapidKeys[0]?.publicKey ?? "",
      verification: settings.verification,
    });
  });

  router.get("/phone/manifest.webmanifest", function showManifest(ctx) {
    ctx.body = manifest(settings.appName);
    ctx.type = "application/manifest+json";
  });

  router.get("/phone/worker.js", function showWorker(ctx) {
    ctx.type = "text/javascript";
    ctx.set("Cache-Control", "no-cache");
    ctx.body = readFileSync(settings.workerFile);
  });

  router.post("/phone/enrolment", async function lookAtEnrolment(ctx) {
    const { secret } = parsed(z.strictObject({ secret: z.string().max(64) }), await limited(ctx));
    const letters = secretIn(secret);
    const enrolment = letters === null ? null : await findEnrolmentBySecret(deps, letters);
    const subscriber = enrolment?.state === "pending" ? await deps.subscribers.find(enrolment.subscriberId) : null;
    if (enrolment === null || subscriber === null) throw new Refused(404, "no-enrolment");
    const { username } = subscriber;
    ctx.body = { id: enrolment.id, app: settings.appName, username, expiresAt: enrolment.expiresAt.toISOString() };
  });

  router.put("/phone/enrolment", async function claimEnrolment(ctx) {
    const given = parsed(claim, await limited(ctx));
    const secret = secretIn(given.secret);
    const enrolment = secret === null ? null : await findEnrolmentBySecret(deps, secret);
    if (secret === null || enrolment === null) throw new Refused(404, "no-enrolment");
    const key = readPhoneKey(given.publicKey);
    if (key === null || plainText(given.label, LABEL_MAX) !== given.label) throw new Refused(400, "malformed");
    const text = signedTexts.enrolment(publicUrl, enrolment.id, hashSecret(secret), given.publicKey, given.label);
    if (!isSignedBy(key, text, given.signature)) throw new Refused(401, "bad-signature");
    const credential = await credentialIn(given.credential, text);
    const { address } = site.originOf(ctx);
    const claimed = { keyHash: key.hash, spki: given.publicKey, label: given.label, address, credential };
    if (!(await claimPhone(deps, enrolment.id, claimed))) throw new Refused(409, "claimed");
    ctx.body = { digits: comparisonDigits(enrolment.id, key.spki), key: key.hash };
  });

  router.post("/phone/nonce", async function giveNonce(ctx) {
    await limited(ctx);
    ctx.body = { nonce: newNonce(sessionKeys[0] ?? "", deps.now()) };
  });

  router.post("/phone/session", async function openSession(ctx) {
    const { nonce, proofs } = parsed(opening, await limited(ctx));
    if (!isFreshNonce(sessionKeys, nonce, deps.now())) throw new Refused(401, "stale-nonce");
    const active = await deps.phoneKeys.findActive(proofs.map(({ key }) => key));
    const proven = active.filter(({ keyHash, spki }) => {
      const key = readPhoneKey(spki);
      const proof = proofs.find((each) => each.key === keyHash);
      return (
        key !== null &&
        proof !== undefined &&
        isSignedBy(key, signedTexts.open(publicUrl, keyHash, nonce), proof.signature)
      );
    });
    if (proven.length === 0) throw new Refused(401, "no-key");
    const until = deps.now().getTime() + COOKIE_LIFE_MS;
    site.setCookie(ctx, [until.toString(36), ...proven.map(({ keyHash }) => keyHash)].join("~"), COOKIE_LIFE_MS);
    ctx.body = { accounts: await accountsOf(proven), vapid: vapidKeys[0]?.publicKey ?? null };
  });

  router.get("/phone/requests", async function listRequests(ctx) {
    const keys = await keysOf(ctx);
    for (const { spki } of keys) readPhoneKey(spki); // the answer comes next, and needs it at once
    ctx.body = {
      requests: await phoneRequests(
        deps,
        keys.map(({ keyHash }) => keyHash),
      ),
    };
  });

  router.get("/phone/requests/:id", async function tellOutcome(ctx) {
    const keys = await keysOf(ctx);
    const keyHashes = keys.map(({ keyHash }) => keyHash);
    const ended = await endedRequest(deps, keyHashes, ctx.params["id"] ?? "");
    if (ended === null) throw new Refused(404, "no-request");
    ctx.body = ended;
  });

  router.get("/phone/events", async function streamChanges(ctx) {
    const keys = await keysOf(ctx);
    if (ctx.method === "HEAD") {
      ctx.status = 200;
      return;
    }
    streams.open(ctx.res, {
      keyHashes: keys.map(({ keyHash }) => keyHash),
      subscriberIds: [...new Set(keys.map(({ subscriberId }) => subscriberId))],
      factorIds: keys.map(({ factorId }) => factorId),
      address: site.networkOf(site.originOf(ctx).address),
    });
    ctx.respond = false;
  });

  router.put("/phone/subscription", async function keepSubscription(ctx) {
    const { key: keyHash, signature: given, ...where } = parsed(subscription, await limited(ctx));
    const key = await activeKey(keyHash);
    // Before the signed text is made: an endpoint that is no address could carry a line break.
    if (typeof readSubscription(where, isListed) === "string") throw new Refused(422, "endpoint");
    if (!vapidKeys.some(({ publicKey }) => publicKey === where.vapid)) throw new Refused(422, "vapid");
    proven(key, signedTexts.subscription(publicUrl, keyHash, where), given);
    await deps.pushSubscriptions.replace({ ...where, factorId: key.factorId, createdAt: deps.now() });
    ctx.body = { kept: true };
  });

  router.delete("/phone/subscription", async function forgetSubscription(ctx) {
    const body = parsed(z.strictObject({ key: hash, signature }), await limited(ctx));
    const key = await activeKey(body.key);
    proven(key, signedTexts.unsubscribe(publicUrl, body.key), body.signature);
    await deps.pushSubscriptions.remove(key.factorId);
    ctx.body = { kept: false };
  });

  /** PH8: what the phone's owner will unlock for each approval; null where nothing has to be. */
  async function credentialIn(given: unknown, text: Buffer): Promise<PhoneCredential | null> {
    if (settings.verification === "off") return null;
    if (given === undefined) {
      if (settings.verification === "required") throw new Refused(422, "needs-credential");
      return null;
    }
    const credential = await settings.credentials.made(given, challengeFor(text));
    if (credential === null) throw new Refused(401, "bad-credential");
    return credential;
  }

  async function limited(ctx: Koa.ParameterizedContext): Promise<unknown> {
    await deps.rate(site.networkOf(site.originOf(ctx).address));
    return readJson(ctx);
  }

  async function activeKey(keyHash: string): Promise<ActiveKey> {
    const [key] = await deps.phoneKeys.findActive([keyHash]);
    if (key === undefined) throw new Refused(401, "no-key");
    return key;
  }

  function proven({ spki }: ActiveKey, text: Buffer, given: string): void {
    const key = readPhoneKey(spki);
    if (key === null || !isSignedBy(key, text, given)) throw new Refused(401, "bad-signature");
  }

  /** The keys that this browser has shown to hold, as far as they may still answer. */
  async function keysOf(ctx: Koa.ParameterizedContext): Promise<ActiveKey[]> {
    const [until = "", ...keyHashes] = site.readCookie(ctx).split("~");
    const isOver = !(parseInt(until, 36) > deps.now().getTime());
    const keys = isOver ? [] : await deps.phoneKeys.findActive(keyHashes);
    if (keys.length === 0) throw new Refused(401, "no-session");
    return keys;
  }

  async function accountsOf(keys: readonly ActiveKey[]) {
    const subscribed = await deps.pushSubscriptions.findOf(keys.map(({ factorId }) => factorId));
    return Promise.all(
      keys.map(async ({ keyHash, factorId, subscriberId }) => {
        const where = subscribed.find((each) => each.factorId === factorId);
        return {
          key: keyHash,
          username: (await deps.subscribers.find(subscriberId))?.username ?? "",
          subscription: where === undefined ? null : { endpoint: where.endpoint, vapid: where.vapid },
        };
      }),
    );
  }

  return router;
}

/** @throws Refused for a body of another shape. */
function parsed<T>(shape: z.ZodType<T>, body: unknown): T {
  const read = shape.safeParse(body);
  if (!read.success) throw new Refused(400, "malformed");
  return read.data;
}

function manifest(appName: string) {
  return {
    id: "/phone/",
    name: appName,
    short_name: appName,
    start_url: "/phone/",
    scope: "/phone/",
    display: "standalone",
    background_color: "#faf8f3",
    theme_color: "#faf8f3",
    icons: [{ src: "/assets/mark.svg", sizes: "any", type: "image/svg+xml" }],
  };
}
