import Router from "@koa/router";

import { askForAddress, confirmAddress, undoAddress } from "../../domain/change-address.js";
import { Invalid } from "../../domain/errors.js";
import { findLink } from "../../domain/find-link.js";
import { reportByLink } from "../../domain/report-not-me.js";
import { hasStepUp } from "../../domain/step-up.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { asksBy } from "../factor-view.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { deadLink, keepTokenToItself, tokenOf } from "../middleware/token-page.js";
import { networkOf, originOf } from "../origin.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { forgetSession } from "../signed-in.js";
import { fieldErrors } from "../text.js";
import { seeOther, show } from "../views.js";

/** The account's e-mail address: another one, its confirmation, the way back; and the link in notices. */
export function address(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  // For this path alone: whoever follows a link need not be signed in.
  const signInFirst = requireSignIn();

  async function form(
    ctx: Context,
    email: string,
    errors: Readonly<Record<string, string>>,
    status: number,
  ): Promise<void> {
    const { session, subscriber } = signedInOf(ctx);
    const factors = await deps.factors.listActive(subscriber.id);
    const { username, email: current, emailVerifiedAt, pendingEmail } = subscriber;
    show(
      ctx,
      "email",
      {
        values: { username, email },
        errors,
        current,
        isConfirmed: emailVerifiedAt !== null,
        pending: pendingEmail,
        stepUp: await hasStepUp(deps, session, "change-email"),
        hasFactor: factors.length > 0,
        asksBy: asksBy(factors, deps),
      },
      status,
    );
  }

  router.get("/account/email", signInFirst, (ctx) => form(ctx, typedBefore(ctx, "email"), {}, 200));

  router.post("/account/email", signInFirst, async function submitAddress(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const given = fields(ctx, ["email", "current_password"]);
    const origin = originOf(ctx);
    await deps.rates.mailsOfAddress(networkOf(origin.address));
    try {
      const typed = { email: given.email, currentPassword: given.current_password };
      const isAsked = await askForAddress(deps, session, subscriber, typed, origin);
      flash(ctx, "note", ctx.state.text(isAsked ? "flash.address-asked" : "flash.address-needs-approval"));
      seeOther(ctx, isAsked ? "/account" : "/account/email");
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      await form(ctx, given.email, fieldErrors(ctx.state.text, error.problems), 422);
    }
  });

  /** A page with one button: fetched by whatever looks into mail, it does nothing. */
  function link(
    path: string,
    purpose: "verify" | "undo" | "not-me",
    page: string,
    done: (token: string, ctx: Context) => Promise<boolean>,
    after: (ctx: Context) => Promise<void>,
  ): void {
    router.use(path, keepTokenToItself());
    router.get(path, async function explain(ctx) {
      const open = await findLink(deps, purpose, tokenOf(ctx));
      if (open === null) throw deadLink();
      show(ctx, page, { action: ctx.path, username: open.subscriber.username, address: open.link.address });
    });
    router.post(path, async function follow(ctx) {
      if (!(await done(tokenOf(ctx), ctx))) throw deadLink();
      await after(ctx);
    });
  }

  const signOut = async (ctx: Context): Promise<void> => {
    await deps.sessionsEnded();
    if (ctx.state.session !== null) forgetSession(ctx);
  };

  link(
    "/account/email/verify/:token",
    "verify",
    "email-verify",
    (token, ctx) => confirmAddress(deps, token, originOf(ctx)),
    (ctx) => {
      flash(ctx, "done", ctx.state.text("flash.address-confirmed"));
      seeOther(ctx, ctx.state.session === null ? "/login" : "/account");
      return Promise.resolve();
    },
  );
  link(
    "/account/email/undo/:token",
    "undo",
    "email-undo",
    (token, ctx) => undoAddress(deps, token, originOf(ctx)),
    async (ctx) => {
      await signOut(ctx);
      flash(ctx, "done", ctx.state.text("flash.address-undone"));
      seeOther(ctx, "/password/reset");
    },
  );
  link(
    "/not-me/:token",
    "not-me",
    "not-me-link",
    (token, ctx) => reportByLink(deps, token, originOf(ctx)),
    async (ctx) => {
      await signOut(ctx);
      flash(ctx, "done", ctx.state.text("flash.not-me"));
      seeOther(ctx, "/login");
    },
  );
  return router;
}
