import type Router from "@koa/router";

import { type Attempt } from "../../domain/attempt.js";
import { noteSuccess } from "../../domain/note-success.js";
import { attemptOf, forgetAttempt } from "../attempt-cookie.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { rememberBrowser } from "../known-browser.js";
import { recordEvent } from "../record-event.js";
import { openSessionFor, type Success, waiting } from "./waiting.js";

/** The phone's half of signing in. */
export function loginApproval(deps: HttpDeps): Router<RequestState> {
  return waiting(deps, {
    base: "/login/approval",
    codePath: "/login/code",
    page: "login-approval",
    elsewhere: "/login",
    find: (ctx) => attemptOf(deps, ctx),
    forget: (ctx) => {
      forgetAttempt(ctx, "attempt", deps.http.isHttps);
    },
    succeed: (ctx, attempt, by) => signIn(deps, ctx, attempt, by),
  });
}

/** Opens the session that the attempt was for: a new id, level 2, in this browser. */
async function signIn(deps: HttpDeps, ctx: Context, attempt: Attempt, by: Success): Promise<string> {
  // A code has finished it. Of a finish and a cancel at once, one ends the attempt; a repeat finds it finished.
  if (by.kind === "code" || (await deps.attempts.finish(attempt.id))) {
    await noteSuccess(deps, attempt, await deps.subscribers.find(attempt.subscriberId));
    await recordEvent(ctx, deps, attempt.subscriberId, "signed-in", by.kind === "approval" ? "phone" : by.way);
  }
  const opened = await openSessionFor(deps, ctx, attempt, {
    subscriberId: attempt.subscriberId,
    level: 2,
    epoch: attempt.epoch,
    challengeId: by.kind === "approval" ? by.challengeId : null,
    isRemembered: attempt.remember,
    passwordAt: attempt.createdAt,
  });
  if (opened === null) return "/login/approval";
  await rememberBrowser(ctx, deps, attempt.subscriberId, deps.http.isHttps);
  return attempt.next;
}
