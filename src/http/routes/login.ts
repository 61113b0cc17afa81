import Router from "@koa/router";

import { finishLogin } from "../../domain/finish-attempt.js";
import { safeNext } from "../../domain/next-path.js";
import { startLogin } from "../../domain/start-login.js";
import { usernameKey } from "../../domain/username.js";
import { giveAttempt, heldAttempt, mayRepeatFinish } from "../attempt-cookie.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { knownKey } from "../known-browser.js";
import { applicationBehind, goOn } from "../leaving.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { visitHash } from "../middleware/visit.js";
import { networkOf, originOf } from "../origin.js";
import { queryText } from "../query-text.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { giveSession, heldKeyHash } from "../signed-in.js";
import { seeOther, show } from "../views.js";
import { code } from "./code.js";
import { notMe } from "./not-me.js";
import { waiting, type WaitingPlace } from "./waiting.js";

/** Where a browser finishes once more that holds the key of an attempt, but not the session that it opened. */
const WHERE_FINISHES_REPEAT = [
  ["step-up", "/account/approval"],
  ["attempt", "/login/approval"],
] as const;

/** The password's half of signing in. */
export function login(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  const form = (
    ctx: Context,
    values: { username: string; next: string; remember: boolean },
    errors: Readonly<Record<string, string>>,
    status: number,
  ): void => {
    const passkeyPath = deps.http.passkeyAlone && deps.providers.passkey !== undefined ? "/login/passkey" : null;
    show(ctx, "login", { passkeyPath, values, errors, isRegistrationOpen: deps.http.registration === "open" }, status);
  };

  router.get("/login", async function showLogin(ctx) {
    const next = queryText(ctx, "next");
    if (ctx.state.session !== null) {
      goOn(ctx, safeNext(next));
      return;
    }
    for (const [cookie, page] of WHERE_FINISHES_REPEAT) {
      if (!(await mayRepeatFinish(deps, ctx, cookie))) continue;
      seeOther(ctx, page);
      return;
    }
    const typed = (name: string): string => typedBefore(ctx, name);
    const remember = typed("remember") !== "";
    form(ctx, { username: typed("username"), next: next || typed("next"), remember }, {}, 200);
  });

  router.post("/login", async function submitPassword(ctx) {
    let given;
    try {
      given = fields(ctx, ["username", "password"], ["remember", "next"]);
    } catch (error) {
      if (!(error instanceof MalformedForm)) throw error;
      form(ctx, { username: "", next: "", remember: false }, error.errors(ctx.state.text), 400);
      return;
    }
    // Sent from another tab, or twice: who is signed in already goes on, and no phone is asked.
    if (ctx.state.session !== null && ctx.state.subscriber?.usernameKey === usernameKey(given.username)) {
      goOn(ctx, safeNext(given.next));
      return;
    }
    const remember = !["", "0", "false", "off"].includes(given.remember);
    if (!(await signInWith(deps, ctx, { ...given, remember })))
      form(
        ctx,
        { username: given.username, next: given.next, remember },
        { form: ctx.state.text("login.refused") },
        422,
      );
  });

  const formAgain = (ctx: Context, next: string, errors: Readonly<Record<string, string>>, status: number): void => {
    show(ctx, "login-again", { username: signedInOf(ctx).subscriber.username, next, errors }, status);
  };

  // R41: the same person shows once more who they are, and the sign-in goes on.
  router.get("/login/again", requireSignIn(), function showLoginAgain(ctx) {
    formAgain(ctx, queryText(ctx, "next") || typedBefore(ctx, "next"), {}, 200);
  });

  router.post("/login/again", requireSignIn(), async function submitPasswordAgain(ctx) {
    const { password, next } = fields(ctx, ["password"], ["next", "username"]);
    const { session, subscriber } = signedInOf(ctx);
    const given = { username: subscriber.username, password, next, remember: session.isRemembered };
    if (!(await signInWith(deps, ctx, given)))
      formAgain(ctx, next, { password: ctx.state.text("current_password.wrong") }, 422);
  });
  return router;
}

/** The password's half of a sign-in, with the answer to whoever typed a right one. @returns false for a wrong one. */
async function signInWith(
  deps: HttpDeps,
  ctx: Context,
  given: { username: string; password: string; remember: boolean; next: string },
): Promise<boolean> {
  const origin = originOf(ctx);
  await deps.rates.loginsOfAddress(networkOf(origin.address));
  const next = safeNext(given.next);
  const started = await startLogin(
    deps,
    { ...given, next, application: await applicationBehind(deps, next) },
    {
      ...origin,
      visitHash: visitHash(ctx),
      arrivedAt: ctx.state.arrivedAt,
      heldAttemptId: (await heldAttempt(deps, ctx, "attempt"))?.id ?? null,
      sessionKeyHash: heldKeyHash(ctx),
      knownKeyFor: (subscriberId) => knownKey(ctx, subscriberId),
      admitUnknown: () => deps.rates.logins("all"),
    },
  );
  if (started.kind === "attempt") {
    giveAttempt(ctx, "attempt", started.key);
    seeOther(ctx, "/login/approval");
  } else if (started.kind === "signed-in") {
    deps.tally.signIn("password", "signed-in");
    giveSession(ctx, started.signedIn);
    goOn(ctx, next);
  } else deps.tally.signIn("password", "refused");
  return started.kind !== "refused";
}

/** Where a sign-in waits for its second factor. */
export function loginPlace(deps: HttpDeps): WaitingPlace {
  return {
    base: "/login/approval",
    codePath: "/login/code",
    page: "login-approval",
    cookie: "attempt",
    elsewhere: "/login",
    next: ({ next }) => next,
    find: (ctx) => heldAttempt(deps, ctx, "attempt"),
    async finish(_ctx, attempt, proof, browser) {
      const signedIn = await finishLogin(deps, attempt, proof, browser);
      if (signedIn !== null && signedIn.session.epoch > attempt.epoch) await deps.sessionsEnded();
      return signedIn;
    },
  };
}

/** The second factor's half of signing in. */
export function loginApproval(deps: HttpDeps): Router<RequestState> {
  const place = loginPlace(deps);
  return new Router<RequestState>().use(
    waiting(deps, place).routes(),
    code(deps, place).routes(),
    notMe(deps, place).routes(),
  );
}
