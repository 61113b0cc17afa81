import Router from "@koa/router";

import { Invalid } from "../../domain/errors.js";
import { safeNext } from "../../domain/next-path.js";
import { registerSubscriber } from "../../domain/register-subscriber.js";
import { hashSecret } from "../../domain/secrets.js";
import { usernameKey } from "../../domain/username.js";
import type { Context, RequestState } from "../context.js";
import { isWithin } from "./reset.js";
import type { HttpDeps } from "../deps.js";
import { goOn } from "../leaving.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { timeZoneOf } from "../middleware/time-zone.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { networkOf, originOf } from "../origin.js";
import { queryText } from "../query-text.js";
import { fieldErrors } from "../text.js";
import { HttpRefusal } from "../refusal.js";
import { giveSession, heldKeyHash } from "../signed-in.js";
import { seeOther, show } from "../views.js";

/** Opening an account; signs in at assurance level 1. */
export function register(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  const form = (
    ctx: Context,
    values: Record<string, string>,
    errors: Readonly<Record<string, string>>,
    status: number,
  ): void => {
    show(
      ctx,
      "register",
      { values, errors, passwordMinLength: deps.settings.passwordMinLength, next: values["next"] ?? "" },
      status,
    );
  };

  router.use("/register", async function refuseWhenClosed(_ctx, next) {
    if (deps.http.registration === "closed") throw new HttpRefusal(403, "registration-closed");
    await next();
  });

  router.get("/register", function showRegistration(ctx) {
    if (ctx.state.session !== null) {
      seeOther(ctx, "/account");
      return;
    }
    const typed = (name: string): string => typedBefore(ctx, name);
    const next = queryText(ctx, "next") || typed("next");
    form(ctx, { username: typed("username"), email: typed("email"), next }, {}, 200);
  });

  router.post("/register", async function submitRegistration(ctx) {
    let given;
    try {
      given = fields(ctx, ["username", "email", "password"], ["next"]);
    } catch (error) {
      if (!(error instanceof MalformedForm)) throw error;
      form(ctx, { username: "", email: "", next: "" }, error.errors(ctx.state.text), 400);
      return;
    }
    const origin = originOf(ctx);
    await deps.rates.registrationsOfAddress(networkOf(origin.address));
    try {
      const firstKey = hashSecret(`registers ${usernameKey(given.username)} in ${ctx.state.visit}`);
      const browser = { ...origin, sessionKeyHash: heldKeyHash(ctx), knownKey: null, firstKey };
      const mayMail = deps.mail !== null && (await isWithin(deps.rates.mailsOfAddress(networkOf(origin.address))));
      const { language } = ctx.state;
      giveSession(
        ctx,
        await registerSubscriber(deps, { ...given, language, timeZone: timeZoneOf(ctx) }, browser, mayMail),
      );
      goOn(ctx, safeNext(given.next));
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      form(
        ctx,
        { username: given.username, email: given.email, next: given.next },
        fieldErrors(ctx.state.text, error.problems),
        422,
      );
    }
  });
  return router;
}
