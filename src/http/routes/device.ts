import Router from "@koa/router";

import { finishStepUp } from "../../domain/finish-attempt.js";
import { startStepUp, useStepUp } from "../../domain/step-up.js";
import { leadToAdmission } from "../admission-page.js";
import { giveAttempt, heldAttempt } from "../attempt-cookie.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { isKnownHere } from "../known-browser.js";
import { fields } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { visitHash } from "../middleware/visit.js";
import type { OpenId, WaitingDevice } from "../openid.js";
import { originOf } from "../origin.js";
import { queryText } from "../query-text.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seal, unseal } from "../sealed.js";
import { seeOther, show } from "../views.js";
import { code } from "./code.js";
import { notMe } from "./not-me.js";
import { signInOrRepeat } from "./step-up.js";
import { waiting, type WaitingPlace } from "./waiting.js";

/** Letting a device in that shows a code (RFC 8628): what it is and from where it asks, then an approval that names it. */
export function device(deps: HttpDeps, openId: OpenId): Router<RequestState> {
  const router = new Router<RequestState>();
  const signInFirst = requireSignIn();

  const askForCode = (ctx: Context, userCode: string, errors: Readonly<Record<string, string>>, status = 200): void => {
    show(ctx, "device", { userCode, errors }, status);
  };

  router.get("/device", signInFirst, async function showDevice(ctx) {
    const typed = queryText(ctx, "user_code");
    const owner = signedInOf(ctx);
    if (typed === "") {
      askForCode(ctx, typedBefore(ctx, "user_code"), {});
      return;
    }
    // Whoever guesses is counted before anything is told.
    await deps.rates.deviceCodes(owner.subscriber.id);
    const found = await openId.findDevice(typed, owner);
    if (found === null) askForCode(ctx, typed, { user_code: ctx.state.text("device-page.unknown") }, 404);
    else if (found.admission !== "yes") leadToAdmission(ctx, found.admission, found.application, ctx.path + ctx.search);
    else showFound(ctx, found);
  });

  function showFound(ctx: Context, { id, userCode, application, address, browserLabel, askedAt }: WaitingDevice): void {
    show(ctx, "device-confirm", {
      ...{ userCode, name: application.name, address, askedAt: askedAt.toISOString() },
      browser: browserLabel,
      account: signedInOf(ctx).subscriber.username,
      // No other code can be answered than the one that was shown, so that answering tells nothing to whoever guesses.
      found: seal(JSON.stringify({ id, name: application.name }), ctx.state.held?.key ?? ""),
    });
  }

  router.post("/device", signInFirst, function typeCode(ctx) {
    const { user_code: typed } = fields(ctx, ["user_code"]);
    seeOther(ctx, `/device?user_code=${encodeURIComponent(typed)}`);
  });

  router.get("/device/answer", (ctx) => {
    seeOther(ctx, "/device");
  });

  router.post("/device/answer", signInFirst, async function answerDevice(ctx) {
    const { decision, found } = fields(ctx, ["decision", "found"]);
    const unsealed = unseal(found, ctx.state.held?.key ?? "");
    if (unsealed === null) {
      seeOther(ctx, "/device");
      return;
    }
    const { id, name } = JSON.parse(unsealed) as { id: string; name: string };
    if (decision !== "yes") {
      await openId.denyDevice(id);
      show(ctx, "device-done", { name, isAccepted: false });
      return;
    }
    const { session, subscriber } = signedInOf(ctx);
    const browser = {
      ...originOf(ctx),
      visitHash: visitHash(ctx),
      arrivedAt: ctx.state.arrivedAt,
      isKnown: await isKnownHere(ctx, deps, subscriber.id),
    };
    const key = await startStepUp(deps, "authorize-device", session, subscriber, browser, id, name);
    if (key === null) {
      seeOther(ctx, "/account/two-factor");
      return;
    }
    giveAttempt(ctx, "step-up", key);
    seeOther(ctx, "/device/approval");
  });

  router.get("/device/done", signInFirst, async function showDone(ctx) {
    const attempt = await devicePlace(deps, openId).find(ctx);
    const { session } = signedInOf(ctx);
    const answered = attempt === null ? null : await deps.oidcRecords.find(attempt.next, deps.now());
    if (attempt === null) seeOther(ctx, "/device");
    else
      show(ctx, "device-done", {
        name: attempt.application ?? "",
        isAccepted: answered !== null && answered.signInId === session.signInId,
      });
  });

  const place = devicePlace(deps, openId);
  router.use(["/device/approval", "/device/approval/{*rest}"], signInOrRepeat(deps));
  return router.use(waiting(deps, place).routes(), code(deps, place).routes(), notMe(deps, place).routes());
}

/** Where the approval of a device is waited for: what is approved is done at once. */
export function devicePlace(deps: HttpDeps, openId: OpenId): WaitingPlace {
  return {
    base: "/device/approval",
    codePath: "/device/approval/code",
    page: "approval",
    cookie: "step-up",
    elsewhere: "/device",
    next: () => "/device/done",
    async find(ctx) {
      const attempt = await heldAttempt(deps, ctx, "step-up");
      if (attempt?.purpose !== "authorize-device") return null;
      const { session } = ctx.state;
      return session === null || attempt.sessionId === session.id ? attempt : null;
    },
    async finish(ctx, attempt, proof, browser) {
      const signedIn = await finishStepUp(deps, attempt, ctx.state.session, proof, browser);
      const subscriber = signedIn && (await deps.subscribers.find(signedIn.session.subscriberId));
      // A finish that is repeated finds its approval used.
      if (
        signedIn !== null &&
        subscriber !== null &&
        (await useStepUp(deps, signedIn.session, "authorize-device", attempt.next))
      )
        await openId.acceptDevice(attempt.next, { session: signedIn.session, subscriber });
      return signedIn;
    },
  };
}
