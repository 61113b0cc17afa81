import { randomBytes } from "node:crypto";

import { DECISIONS, type Decision, requestDigest, signedTexts } from "../../../src/providers/phone/signed-texts.js";
import { enrolOwnPhone, type OwnPhone, type PhoneRequest } from "../../kit/own-phone.js";
import { seededRandom } from "../../kit/random.js";
import { newSigningPhone } from "../../kit/signing-phone.js";
import { type Attack, inParallel } from "./attack.js";
import { attackProgram, PASSWORD } from "./attacked-program.js";

type Fields = Record<"challenge" | "key" | "decision" | "digest" | "signature", string>;

/** Answers that no phone of the account gave, or that somebody changed on the way, about a request that is open. */
export const forgedAnswers: Attack = {
  name: "forged-answers",
  what: "forged or altered answers of phones of our own",
  full: 100_000,
  short: 600,
  run: (count, progress) =>
    attackProgram({ APPROVAL_TTL_SECONDS: "3600", MATCH_CODE: "always" }, async (attacked) => {
      const owner = async (username: string) => {
        const browser = attacked.openBrowser();
        await browser.post("/register", { username, email: `${username}@example.com`, password: PASSWORD });
        const phone = await enrolOwnPhone(browser);
        await browser.post("/logout");
        await browser.post("/login", { username, password: PASSWORD });
        const [request] = await phone.requests();
        if (request === undefined) throw new Error("there is no open request to forge an answer to");
        return { phone, request };
      };
      const [victim, thief] = [await owner("victim"), await owner("thief")];
      const { id } = victim.request;
      const state = (): unknown =>
        attacked.program.rows.one("SELECT state FROM challenges WHERE id = ?", id)?.["state"];

      const { below } = seededRandom(3);
      const browser = attacked.openBrowser();
      let accepted = 0;
      const answers = new Map<number, number>();
      await inParallel(
        count,
        32,
        async (at) => {
          const fields = FORGERIES[at % FORGERIES.length]?.({
            ...{ victim, thief, site: attacked.site, below },
            decision: DECISIONS[below(DECISIONS.length)] ?? "approve",
          });
          const { status, body } = await browser.send("POST", "/webhooks/phone", {
            headers: { "content-type": "application/json" },
            body: JSON.stringify(fields),
          });
          answers.set(status, (answers.get(status) ?? 0) + 1);
          // An answer about a request that does not exist is taken and changes nothing, as a callback is.
          if (status >= 500 || (status < 400 && !body.includes('"unknown"'))) accepted += 1;
          if (at % 1000 === 0 && state() !== "pending") accepted += 1;
        },
        progress,
      );
      if (state() !== "pending") accepted += 1;
      // The phone's own answer must be accepted, or the refusals above prove nothing.
      await victim.phone.answer(victim.request, "approve");
      const isOpenForPhone = state() === "approved";
      return {
        seen: `${accepted} accepted (${[...answers].map(([status, times]) => `${times} × ${status}`).join(", ")})`,
        allowed: "0 accepted; the phone's own is taken",
        isKept: accepted === 0 && isOpenForPhone,
      };
    }),
};

interface Side {
  readonly phone: OwnPhone;
  readonly request: PhoneRequest;
}

interface Makings {
  readonly victim: Side;
  readonly thief: Side;
  readonly site: string;
  readonly decision: Decision;
  readonly below: (limit: number) => number;
}

/** What the victim's phone would send, signed by whomever and over whatever it is told. */
function signed(
  { victim: { phone, request }, site, decision }: Makings,
  over: Partial<Fields> & { origin?: string } = {},
  by = phone.keys,
): Fields {
  const own = { challenge: request.id, key: phone.hash, decision, digest: requestDigest(request), origin: site };
  const { challenge, key, decision: said, digest, origin } = { ...own, ...over };
  const signature = by.sign(signedTexts.answer(origin, challenge, key, said as Decision, digest));
  return { challenge, key, decision: said, digest, signature };
}

/** What was truly signed, sent with other fields. */
function changed(makings: Makings, change: Partial<Fields>): Fields {
  return { ...signed(makings), ...change };
}

function flip(text: string, below: Makings["below"]): string {
  const bytes = Buffer.from(text, "base64url");
  const bit = below(bytes.length * 8);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes.toString("base64url");
}

const otherThan = (decision: Decision): Decision => (decision === "approve" ? "deny" : "approve");
const random = (bytes: number): string => randomBytes(bytes).toString("base64url");

const FORGERIES: readonly ((makings: Makings) => Fields)[] = [
  (makings) => changed(makings, { signature: flip(signed(makings).signature, makings.below) }),
  (makings) => changed(makings, { digest: flip(signed(makings).digest, makings.below) }),
  (makings) => changed(makings, { key: flip(makings.victim.phone.hash, makings.below) }),
  (makings) => changed(makings, { decision: otherThan(makings.decision) }),
  (makings) => changed(makings, { challenge: makings.thief.request.id }),
  (makings) => changed(makings, { key: makings.thief.phone.hash }),
  // Signed by a key that is none of the account's, under its own name and under the victim's.
  (makings) => signed(makings, {}, makings.thief.phone.keys),
  (makings) => signed(makings, { key: makings.thief.phone.hash }, makings.thief.phone.keys),
  (makings) => signed(makings, {}, newSigningPhone()),
  // Signed by the right key, for something else.
  (makings) => signed(makings, { origin: "https://evil.example" }),
  (makings) => signed(makings, { origin: `${makings.site}/` }),
  (makings) => ({ ...signed(makings, { challenge: makings.thief.request.id }), challenge: makings.victim.request.id }),
  (makings) => signed(makings, { digest: requestDigest({ ...makings.victim.request, message: "Sign in?" }) }),
  (makings) => signed(makings, { digest: requestDigest(makings.thief.request) }),
  (makings) =>
    signed(makings, {
      digest: requestDigest({
        ...makings.victim.request,
        details: makings.victim.request.details.filter(([name]) => name !== "Code"),
      }),
    }),
  (makings) => {
    const { keys, hash } = makings.victim.phone;
    return changed(makings, { signature: keys.sign(signedTexts.open(makings.site, hash, random(16))) });
  },
  (makings) => {
    const { keys, hash } = makings.victim.phone;
    return changed(makings, { signature: keys.sign(signedTexts.unsubscribe(makings.site, hash)) });
  },
  (makings) => changed(makings, { signature: random(64) }),
  (makings) => changed(makings, { signature: Buffer.alloc(64, makings.below(256)).toString("base64url") }),
  (makings) => {
    const bytes = Buffer.from(signed(makings).signature, "base64url");
    return changed(makings, {
      signature: Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)]).toString("base64url"),
    });
  },
  (makings) => changed(makings, { signature: signed(makings).signature.slice(0, makings.below(86)) }),
  (makings) => changed(makings, { signature: `${signed(makings).signature}A` }),
  (makings) => changed(makings, { decision: "approved" }),
  (makings) => changed(makings, { challenge: random(18) }),
];
