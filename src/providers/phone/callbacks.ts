import Router from "@koa/router";
import type Koa from "koa";

import type { Deps, LogFields } from "../../domain/deps.js";
import { type PhoneReceived, receivePhoneAnswer } from "../../domain/receive-phone-answer.js";
import { BadBody, readJson } from "./json-body.js";
import { answerText, isGoodAnswer, readAnswer } from "./phone-answer.js";
import { readPhoneKey } from "./phone-key.js";
import { challengeFor, type CredentialJudge } from "./verification.js";

/** What the server keeps of each request for its line in the log. */
interface RequestState {
  logged: { readonly fields: LogFields; readonly message: string };
}

const REFUSED: ReadonlySet<PhoneReceived> = new Set(["foreign-key", "bad-signature", "not-unlocked"]);

/**
 * Where phones of our own answer. A machine's route like the other providers' callbacks: no cookie counts here, a signature
 * does. The answers are short texts; the log says which check failed.
 *
 * @param publicUrl - Part of what is signed; never rebuilt from a request.
 * @param sessionsEnded - Told after a report that ended sessions.
 */
export function phoneCallbacks(
  deps: Deps,
  publicUrl: string,
  credentials: CredentialJudge,
  sessionsEnded: () => Promise<void>,
): Router {
  const router = new Router();

  async function countWord(ctx: Koa.ParameterizedContext, next: Koa.Next): Promise<void> {
    await next();
    deps.tally.callback("phone", (ctx.body as { message: string }).message);
  }

  router.post("/webhooks/phone", countWord, async function receiveAnswer(ctx) {
    let body: unknown;
    try {
      body = await readJson(ctx);
    } catch (error) {
      if (!(error instanceof BadBody)) throw error;
      answer(ctx, error.status, error.message);
      return;
    }
    const given = readAnswer(body);
    if (given === null) {
      answer(ctx, 400, "body not readable");
      return;
    }
    const received = await receivePhoneAnswer(deps, {
      challengeId: given.challenge,
      keyHash: given.key,
      decision: given.decision,
      isSigned({ spki }, shown) {
        const key = readPhoneKey(spki);
        return key !== null && isGoodAnswer(publicUrl, key, given, shown);
      },
      isUnlocked: (credential) =>
        credentials.isUnlocked(credential, given.assertion, challengeFor(answerText(publicUrl, given))),
    });
    if (received === "reported") await sessionsEnded();
    answer(ctx, REFUSED.has(received) ? 401 : 200, received);
  });

  router.all("/webhooks/phone", function refuseOtherMethods(ctx) {
    ctx.set("Allow", "POST");
    answer(ctx, 405, "POST only");
  });
  return router;
}

function answer(ctx: Koa.ParameterizedContext, status: number, word: string): void {
  (ctx.state as RequestState).logged = { fields: { word }, message: "webhook" };
  ctx.status = status;
  ctx.body = { message: word };
}
