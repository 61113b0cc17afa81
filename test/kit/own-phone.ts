import { createHash, randomBytes } from "node:crypto";

import { type Decision, requestDigest, signedTexts } from "../../src/providers/phone/signed-texts.js";
import { type Answer, type Browser, openBrowser } from "./browser.js";
import { openPasskeyHolder, type PasskeyHolder, type Twist } from "./passkeys.js";
import { newSigningPhone, type SigningPhone } from "./signing-phone.js";

const AGENT =
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36";

/** A request as the phone's page gets it. */
export interface PhoneRequest {
  readonly id: string;
  readonly key: string;
  readonly message: string;
  readonly details: [string, string][];
  readonly code: string | null;
  readonly expiresAt: string;
}

/** What an answer is made of; anything else than what a phone would say can be put in. */
export type AnswerFields = Partial<
  Record<"challenge" | "key" | "decision" | "digest" | "signature" | "origin", string>
> & { assertion?: object };

/** A phone of our own without a browser: it says what the page's scripts would say. */
export interface OwnPhone {
  readonly browser: Browser;
  readonly keys: SigningPhone;
  readonly hash: string;
  /** Its fingerprint reader, or the like. */
  readonly lock: PasskeyHolder;
  look(secret: string): Promise<Answer>;
  /** Claims an enrolment; `by` signs in the phone's place. With `locked` each approval will have to be unlocked. */
  claim(
    secret: string,
    given?: { label?: string; origin?: string; by?: SigningPhone; locked?: Twist },
  ): Promise<Answer>;
  /** Shows its key, and may read from then on. */
  open(): Promise<Answer>;
  requests(): Promise<PhoneRequest[]>;
  /** Takes notifications from a push service. @param endpoint - Its address, of a host that the program lists. */
  subscribe(endpoint: string): Promise<Answer>;
  answer(request: PhoneRequest, decision: Decision, change?: AnswerFields): Promise<Answer>;
  /** What unlocking an answer gives. */
  unlock(request: PhoneRequest, decision?: Decision, twist?: Twist): object;
  /** Sends any text to the address for answers. */
  post(path: string, body: unknown, method?: string): Promise<Answer>;
}

/** @param site - The public address, which is part of what is signed. */
export function openOwnPhone(site: string): OwnPhone {
  const browser = openBrowser(site, { userAgent: AGENT });
  const keys = newSigningPhone();
  const hash = createHash("sha256").update(keys.spki).digest("base64url");
  const publicKey = keys.spki.toString("base64url");
  const lock = openPasskeyHolder(site);
  const rpId = new URL(site).hostname;
  const challengeOf = (text: Buffer): string => createHash("sha256").update(text).digest("base64url");
  const post = (path: string, body: unknown, method = "POST"): Promise<Answer> =>
    browser.send(method, path, {
      headers: { "content-type": "application/json", origin: site, "sec-fetch-site": "same-origin" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return {
    browser,
    keys,
    hash,
    lock,
    post,
    look: (secret) => post("/phone/enrolment", { secret }),
    async claim(secret, { label = "Chrome on Android", origin = site, by = keys, locked } = {}) {
      const { id = "" } = JSON.parse((await post("/phone/enrolment", { secret })).body) as { id?: string };
      const secretHash = createHash("sha256").update(secret).digest("base64url");
      const text = signedTexts.enrolment(origin, id, secretHash, publicKey, label);
      const options = {
        challenge: challengeOf(text),
        rp: { id: rpId },
        user: { id: randomBytes(32).toString("base64url") },
      };
      const credential = locked && lock.make(options, locked);
      return post("/phone/enrolment", { secret, publicKey, label, signature: by.sign(text), credential }, "PUT");
    },
    async open() {
      const { nonce } = JSON.parse((await post("/phone/nonce", {})).body) as { nonce: string };
      const signature = keys.sign(signedTexts.open(site, hash, nonce));
      return post("/phone/session", { nonce, proofs: [{ key: hash, signature }] });
    },
    async requests() {
      const { status, body } = await browser.get("/phone/requests");
      if (status !== 200) throw new Error(`the requests cannot be read: ${status} ${body}`);
      return (JSON.parse(body) as { requests: PhoneRequest[] }).requests;
    },
    async subscribe(endpoint) {
      const { vapid } = JSON.parse((await this.open()).body) as { vapid: string };
      const p256dh = newSigningPhone().spki.subarray(26).toString("base64url");
      const where = { endpoint, p256dh, auth: randomBytes(16).toString("base64url"), vapid };
      const signature = keys.sign(signedTexts.subscription(site, hash, where));
      return post("/phone/subscription", { key: hash, ...where, signature }, "PUT");
    },
    unlock(request, decision = "approve", twist = {}) {
      const text = signedTexts.answer(site, request.id, hash, decision, requestDigest(request));
      return lock.use({ challenge: challengeOf(text), rpId }, twist);
    },
    answer(request, decision, change = {}) {
      const said = {
        challenge: request.id,
        key: hash,
        decision,
        digest: requestDigest(request),
        origin: site,
        ...change,
      };
      const { origin, ...fields } = said;
      const text = signedTexts.answer(origin, fields.challenge, fields.key, fields.decision as Decision, fields.digest);
      return post("/webhooks/phone", { signature: keys.sign(text), ...fields });
    },
  };
}

const REGISTRATION = "/account/two-factor/registration";

/**
 * Adds a phone of one's own in a browser whose password was typed just now, and, where there is another one already, whose
 * account has just allowed it.
 *
 * @throws when any step is refused.
 */
export async function enrolOwnPhone(browser: Browser, label?: string): Promise<OwnPhone> {
  await browser.post(REGISTRATION, { type: "phone" });
  const { html } = await browser.visit(REGISTRATION);
  const secret = html.querySelector("[data-typed]")?.innerText.replaceAll(" ", "") ?? "";
  const phone = openOwnPhone(browser.origin);
  const claimed = await phone.claim(secret, label === undefined ? {} : { label });
  if (claimed.status !== 200) throw new Error(`the enrolment was not claimed: ${claimed.status} ${claimed.body}`);
  await browser.post(`${REGISTRATION}/confirm`);
  const opened = await phone.open();
  if (opened.status !== 200) throw new Error(`the phone was not added: ${opened.status} ${opened.body}`);
  return phone;
}
