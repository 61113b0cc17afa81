import { createHmac, timingSafeEqual } from "node:crypto";

import { hasGoodSignature } from "../../../src/providers/authy/callback-signature.js";
import { compare, type Comparison } from "./compare.js";
import { sampleCallback, signedHeaders } from "./sample-callback.js";

const URL = "https://login.example.com/webhooks/authy/onetouch";
const KEY = "h7Qm2ZpL9xVt4RkB8sNw3JfYcD6gUaE1";

/** Judging a callback's signature, against an HMAC over the bytes as they came. */
export function signature(): Promise<Comparison> {
  const body = sampleCallback("3b0e9a60-c3f4-013a-5f0e-0a1b2c3d4e5f", 246813579, "abcdefghijklmnopqrstuvwx");
  const headers = signedHeaders(body, URL, KEY);
  const good = headers["x-authy-signature"] ?? "";
  const nonce = headers["x-authy-signature-nonce"] ?? "";
  const raw = JSON.stringify(body);
  const ofBytes = createHmac("sha256", KEY).update(raw).digest();
  return compare(
    { name: "signature", what: "canonical text and HMAC of a callback", baseline: "HMAC over its bytes" },
    {
      ours(count) {
        for (let at = 0; at < count; at += 1)
          if (!hasGoodSignature({ nonce, method: "POST", url: URL, params: body }, good, KEY))
            throw new Error("refused");
      },
      bare(count) {
        for (let at = 0; at < count; at += 1)
          if (!timingSafeEqual(createHmac("sha256", KEY).update(raw).digest(), ofBytes)) throw new Error("refused");
      },
    },
    { rounds: 9, count: 3000 },
  );
}
