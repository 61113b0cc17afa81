import Router from "@koa/router";

import { type Attempt } from "../../domain/attempt.js";
import { LoginError, ProviderRefused } from "../../domain/errors.js";
import { finishApproval } from "../../domain/finish-approval.js";
import { verifyCode } from "../../domain/verify-code.js";
import { type Session } from "../../domain/session.js";
import { cancelAttempt, isUsable, readWaitingAttempt, reportNotMe, resendPush } from "../../domain/waiting-attempt.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { closeSession, flash, openSession, type Opening } from "../middleware/browser-session.js";
import { fields } from "../middleware/form.js";
import { queryText } from "../query-text.js";
import { type Text } from "../text.js";
import { seeOther, show } from "../views.js";
import { waitingView } from "../waiting-view.js";

/** Where an attempt waits, and what its success opens: a sign-in, or one sensitive act. */
export interface WaitingPlace {
  readonly base: "/login/approval" | "/account/approval";
  readonly codePath: "/login/code" | "/account/approval/code";
  readonly page: "login-approval" | "approval";
  /** Where a browser goes that has nothing to wait for. */
  readonly elsewhere: string;
  find(ctx: Context): Promise<Attempt | null>;
  forget(ctx: Context): void;
  /** Spends the success: opens the session or the act, and says where to go on. */
  succeed(ctx: Context, attempt: Attempt, by: Success): Promise<string>;
}

/** What stands behind a success: a consumed challenge, or a code. */
export type Success =
  { readonly kind: "approval"; readonly challengeId: string } | { readonly kind: "code"; readonly way: string };

/** The waiting page with all that can be done there, once for sign-ins and once for step-ups. */
export function waiting(deps: HttpDeps, place: WaitingPlace): Router<RequestState> {
  const router = new Router<RequestState>();

  async function attemptOr(ctx: Context, otherwise: string): Promise<Attempt | null> {
    const attempt = await place.find(ctx);
    if (attempt === null) seeOther(ctx, otherwise);
    return attempt;
  }

  async function showWaiting(
    ctx: Context,
    attempt: Attempt,
    shown: { errors?: Readonly<Record<string, string>>; stillPending?: boolean } = {},
    status = 200,
  ): Promise<void> {
    const read = await readWaitingAttempt(deps, attempt);
    if (read === null) {
      seeOther(ctx, place.elsewhere);
      return;
    }
    const recoveryAllowed = (await deps.recoveryCodes.countLeft(attempt.subscriberId)) > 0;
    show(
      ctx,
      deps.views,
      place.page,
      {
        waiting: waitingView(ctx.state.text, read, deps.settings, deps.now(), { ...shown, recoveryAllowed }),
        errors: shown.errors ?? {},
      },
      status,
    );
  }

  router.get(place.base, async function showApproval(ctx) {
    const attempt = await attemptOr(ctx, place.elsewhere);
    if (attempt === null) return;
    if (attempt.state === "finished" && ctx.state.session !== null) seeOther(ctx, attempt.next || "/account");
    else await showWaiting(ctx, attempt, { stillPending: queryText(ctx, "still") === "pending" });
  });

  router.post(`${place.base}/resend`, async function resend(ctx) {
    const attempt = await attemptOr(ctx, place.elsewhere);
    if (attempt === null) return;
    await resendPush(deps, attempt);
    seeOther(ctx, place.base);
  });

  router.post(`${place.base}/cancel`, async function cancel(ctx) {
    const attempt = await attemptOr(ctx, place.elsewhere);
    if (attempt === null) return;
    if (await cancelAttempt(deps, attempt)) {
      place.forget(ctx);
      flash(ctx, "note", ctx.state.text("flash.request-cancelled"));
    }
    seeOther(ctx, place.elsewhere);
  });

  router.post(`${place.base}/finish`, async function finish(ctx) {
    const attempt = await attemptOr(ctx, ctx.state.session === null ? place.elsewhere : "/account");
    if (attempt === null) return;
    const { match_code: matchCode } = fields(ctx, [], ["match_code"]);
    const finished = await finishApproval(deps, attempt, matchCode);
    switch (finished.kind) {
      case "finished":
        seeOther(ctx, await place.succeed(ctx, attempt, { ...finished, kind: "approval" }));
        return;
      case "still-pending":
        seeOther(ctx, `${place.base}?still=pending`);
        return;
      case "wrong-code": {
        const why = ctx.state.text(finished.wasEmpty ? "match-code.missing" : "match-code.wrong", {
          left: finished.triesLeft,
        });
        const counted = (await deps.attempts.find(attempt.id)) ?? attempt;
        await showWaiting(ctx, counted, finished.triesLeft === 0 ? {} : { errors: { match_code: why } }, 422);
        return;
      }
      case "over":
        seeOther(ctx, place.base);
    }
  });

  router.get(`${place.base}/not-me`, async function askWhetherNotMe(ctx) {
    const attempt = await attemptOr(ctx, place.elsewhere);
    if (attempt === null) return;
    if (await wasDenied(deps, attempt)) show(ctx, deps.views, "not-me", { base: place.base });
    else seeOther(ctx, place.base);
  });

  router.post(`${place.base}/not-me`, async function notMe(ctx) {
    const attempt = await attemptOr(ctx, place.elsewhere);
    if (attempt === null) return;
    const { confirm } = fields(ctx, ["confirm"]);
    // Only a denial on the phone makes it more than the word of whoever has the password.
    if (confirm !== "yes" || !(await wasDenied(deps, attempt))) {
      seeOther(ctx, place.base);
      return;
    }
    await reportNotMe(deps, attempt);
    await deps.sessionsEnded();
    place.forget(ctx);
    await closeSession(ctx);
    flash(ctx, "done", ctx.state.text("flash.not-me"));
    seeOther(ctx, "/login");
  });

  function showCode(ctx: Context, errors: Readonly<Record<string, string>>, status = 200): void {
    show(
      ctx,
      deps.views,
      "login-code",
      {
        base: place.base === "/login/approval" ? "/login" : place.base,
        action: place.codePath,
        smsAllowed: deps.settings.textMessages,
        smsAction: `${place.codePath}/sms`,
        back: place.base,
        recoveryAllowed: true,
        triesLeft: null,
        values: {},
        errors,
      },
      status,
    );
  }

  router.get(place.codePath, async function askForCode(ctx) {
    if ((await attemptOr(ctx, place.elsewhere)) !== null) showCode(ctx, {});
  });

  router.post(place.codePath, async function submitCode(ctx) {
    const attempt = await attemptOr(ctx, place.elsewhere);
    if (attempt === null) return;
    const { code } = fields(ctx, ["code"]);
    let result;
    try {
      result = await verifyCode(deps, attempt, code);
    } catch (error) {
      if (!(error instanceof LoginError) || !error.code.startsWith("provider_")) throw error;
      ctx.state.log.warn({ code: error.code }, "Authy could not verify the code");
      showCode(ctx, { form: ctx.state.text("code.unavailable") }, 503);
      ctx.set("Retry-After", "5");
      return;
    }
    switch (result.kind) {
      case "right":
        seeOther(ctx, await place.succeed(ctx, attempt, { kind: "code", way: result.way }));
        return;
      case "wrong":
        showCode(ctx, { code: ctx.state.text("code.wrong") }, 422);
        return;
      case "wait":
        showCode(ctx, { form: waitText(ctx.state.text, result.seconds) }, 429);
        ctx.set("Retry-After", String(result.seconds));
        return;
      case "over":
        seeOther(ctx, place.base);
    }
  });

  router.post(`${place.codePath}/sms`, async function sendTextMessage(ctx) {
    const attempt = await attemptOr(ctx, place.elsewhere);
    if (attempt === null) return;
    const read = await readWaitingAttempt(deps, attempt);
    if (!deps.settings.textMessages || read?.factor == null || !isUsable(attempt, read.subscriber, deps.now())) {
      seeOther(ctx, place.codePath);
      return;
    }
    await deps.rates.textMessages(attempt.subscriberId);
    try {
      await deps.provider.sendTextMessage(read.factor.providerId);
      flash(ctx, "note", ctx.state.text("flash.text-message-sent"));
    } catch (error) {
      if (!(error instanceof ProviderRefused)) throw error;
      flash(ctx, "warning", ctx.state.text("flash.text-message-refused"));
    }
    seeOther(ctx, place.codePath);
  });

  return router;
}

/**
 * Opens the session that a success is for.
 *
 * @returns null when the attempt was ended on purpose, by a cancel, a logout or a revoked session: that stands, even where
 *   it comes while the session is opened.
 */
export async function openSessionFor(
  deps: HttpDeps,
  ctx: Context,
  attempt: Attempt,
  opening: Opening,
): Promise<Session | null> {
  const isEnded = async (): Promise<boolean> => (await deps.attempts.find(attempt.id))?.state === "ended";
  if (await isEnded()) return null;
  const opened = await openSession(ctx, deps.now(), deps.http.rules, opening);
  if (!(await isEnded())) return opened;
  await closeSession(ctx);
  return null;
}

async function wasDenied({ challenges }: Pick<HttpDeps, "challenges">, attempt: Attempt): Promise<boolean> {
  return (await challenges.findDecisive(attempt.id))?.state === "denied";
}

function waitText(text: Text, seconds: number): string {
  return seconds < 90
    ? text("code.wait-seconds", { seconds })
    : text("code.wait-minutes", { minutes: Math.ceil(seconds / 60) });
}
