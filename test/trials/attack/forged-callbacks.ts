import { createHmac, randomUUID } from "node:crypto";

import type { Json } from "../../../src/providers/authy/callback-signature.js";
import { PASSWORD, attackProgram } from "./attacked-program.js";
import { seededRandom } from "../../kit/random.js";
import { type Attack, inParallel } from "./attack.js";
import { callbackBody, signCallback, type SignedRequest } from "../../kit/authy.js";

const PATH = "/webhooks/authy/onetouch";

/** Callbacks that Authy never sent, or that somebody changed on the way, about a request that is open. */
export const forgedCallbacks: Attack = {
  name: "forged-callbacks",
  what: "forged or altered callbacks",
  full: 100_000,
  short: 600,
  run: (count, progress) =>
    attackProgram({ APPROVAL_TTL_SECONDS: "3600" }, async (attacked) => {
      const target = await attacked.addTarget();
      await attacked.openBrowser().post("/login", { username: target.username, password: PASSWORD });
      const [request] = await attacked.program.phone.requests(target.authyId);
      const uuid = request?.uuid ?? "";
      const real = (status: string): SignedRequest =>
        signCallback(callbackBody(uuid, target.authyId, status), { key: attacked.apiKey, url: attacked.callbackUrl });
      const state = (): unknown =>
        attacked.program.rows.one("SELECT state FROM challenges WHERE authy_uuid = ?", uuid)?.["state"];
      if (state() !== "pending") throw new Error("there is no open request to forge an answer to");

      const { below: roll } = seededRandom(1);
      const browser = attacked.openBrowser();
      let accepted = 0;
      const answers = new Map<number, number>();
      await inParallel(
        count,
        32,
        async (at) => {
          const forged = FORGERIES[at % FORGERIES.length]?.({
            real: real(roll(2) === 0 ? "approved" : "denied"),
            body: callbackBody(uuid, target.authyId, "approved"),
            url: attacked.callbackUrl,
            key: attacked.apiKey,
            roll,
          });
          const { status } = await browser.send(forged?.method ?? "POST", PATH, forged ?? {});
          answers.set(status, (answers.get(status) ?? 0) + 1);
          if (status < 400 || status >= 500) accepted += 1;
          if (at % 1000 === 0 && state() !== "pending") accepted += 1;
        },
        progress,
      );
      if (state() !== "pending") accepted += 1;
      // The real callback must be accepted, or the refusals above prove nothing.
      await browser.send("POST", PATH, real("approved"));
      const isOpenForAuthy = state() === "approved";
      return {
        seen: `${accepted} accepted (${[...answers].map(([status, times]) => `${times} × ${status}`).join(", ")})`,
        allowed: "0 accepted; Authy's own is taken",
        isKept: accepted === 0 && isOpenForAuthy,
      };
    }),
};

interface Makings {
  readonly real: SignedRequest;
  readonly body: Record<string, Json>;
  readonly url: string;
  readonly key: string;
  readonly roll: (below: number) => number;
}

type Forgery = (makings: Makings) => {
  method?: string;
  headers: Record<string, string | string[]>;
  body?: string;
};

const SIGNATURE = "x-authy-signature";
const NONCE = "x-authy-signature-nonce";

/** One sign of a text changed into another of the same alphabet. */
function flip(text: string, roll: Makings["roll"], alphabet: string): string {
  const at = roll(text.length);
  const sign = alphabet[roll(alphabet.length)] ?? "A";
  return text[at] === sign || text[at] === "=" ? `${sign}${text}` : text.slice(0, at) + sign + text.slice(at + 1);
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const FORGERIES: readonly Forgery[] = [
  ({ real, roll }) => ({
    ...real,
    headers: { ...real.headers, [SIGNATURE]: flip(real.headers[SIGNATURE] ?? "", roll, BASE64) },
  }),
  ({ real, roll }) => ({
    ...real,
    headers: { ...real.headers, [NONCE]: flip(real.headers[NONCE] ?? "", roll, "0123456789abcdef-") },
  }),
  ({ real, roll }) => ({
    ...real,
    body: real.body
      .replace(/\d/g, (digit) => (roll(4) === 0 ? String((Number(digit) + 1) % 10) : digit))
      .replace("}", ',"x":1}'),
  }),
  ({ real }) => ({
    ...real,
    body: real.body.replaceAll('"denied"', '"approved "').replaceAll('"approved"', '"denied"'),
  }),
  ({ body, url, roll }) => signCallback(body, { key: `${roll(1e9)}-another-key-0123456789`, url }),
  ({ body, url }) => signCallback(body, { key: "", url }),
  ({ body, key, url, roll }) => signCallback(body, { key, url: `${url}${["/", "?", "?x=1", "#"][roll(4)] ?? ""}` }),
  ({ body, key, url }) => signCallback(body, { key, url: url.replace("http:", "https:") }),
  ({ body, key }) => signCallback(body, { key, url: PATH }),
  ({ real }) => ({ ...real, headers: { "content-type": "application/json", [NONCE]: real.headers[NONCE] ?? "" } }),
  ({ real }) => ({
    ...real,
    headers: { "content-type": "application/json", [SIGNATURE]: real.headers[SIGNATURE] ?? "" },
  }),
  ({ real }) => ({
    ...real,
    headers: { ...real.headers, [SIGNATURE]: [real.headers[SIGNATURE] ?? "", real.headers[SIGNATURE] ?? ""] },
  }),
  ({ real }) => ({ ...real, headers: { ...real.headers, [NONCE]: [real.headers[NONCE] ?? "", "1"] } }),
  ({ real }) => ({
    ...real,
    headers: { ...real.headers, [SIGNATURE]: (real.headers[SIGNATURE] ?? "").replace(/=+$/, "") },
  }),
  ({ real }) => ({
    ...real,
    headers: { ...real.headers, [SIGNATURE]: Buffer.from(real.headers[SIGNATURE] ?? "", "base64").toString("hex") },
  }),
  ({ real }) => ({ ...real, headers: { ...real.headers, [SIGNATURE]: (real.headers[SIGNATURE] ?? "").toUpperCase() } }),
  ({ real, key }) => ({
    ...real,
    headers: { ...real.headers, [SIGNATURE]: createHmac("sha256", key).update(real.body).digest("base64") },
  }),
  ({ real, roll }) => ({ method: ["GET", "PUT", "PATCH", "DELETE"][roll(4)] ?? "PUT", ...real }),
  ({ real }) => ({ ...real, body: `${real.body.slice(0, -1)},"approval_request[transaction][status]":"approved"}` }),
  ({ real }) => ({ ...real, body: real.body.replace("{", '{"__proto__":{"status":"approved"},') }),
  ({ real, roll }) => ({ ...real, body: real.body.slice(0, 1 + roll(real.body.length - 2)) }),
  ({ real }) => ({ ...real, body: `[${real.body}]` }),
  ({ body }) => ({
    headers: { "content-type": "application/json", [SIGNATURE]: randomUUID(), [NONCE]: randomUUID() },
    body: JSON.stringify(body),
  }),
  ({ real }) => ({ ...real, headers: { ...real.headers, "content-type": "application/x-www-form-urlencoded" } }),
];
