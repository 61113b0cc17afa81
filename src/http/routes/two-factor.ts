import Router from "@koa/router";
import QRCode from "qrcode";

import { confirmPassword } from "../../domain/check-password.js";
import { confirmEnrolment } from "../../domain/confirm-enrolment.js";
import { disableTwoFactor } from "../../domain/disable-two-factor.js";
import { needsFreshPassword, readEnrolment, startEnrolment } from "../../domain/enrol.js";
import { type Enrolment, isOpen } from "../../domain/enrolment.js";
import { FACTOR_NAMES, typeNamed } from "../../domain/factor.js";
import { mayMove, replacedFactors } from "../../domain/move-from-authy.js";
import { settleEnrolment } from "../../domain/settle-enrolment.js";
import { hasStepUp } from "../../domain/step-up.js";
import type { Subscriber } from "../../domain/subscriber.js";
import type { Context, RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { asksBy, factorView, offeredTypes } from "../factor-view.js";
import { giveKnownKey, knownKey } from "../known-browser.js";
import { wantedApplication } from "../leaving.js";
import { flash } from "../middleware/carry-messages.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { HttpRefusal } from "../refusal.js";
import { originOf } from "../origin.js";
import { queryText } from "../query-text.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { giveSession, sessionBrowser } from "../signed-in.js";
import { waitText } from "../text.js";
import { seeOther, show } from "../views.js";
import { movePage } from "./move.js";

const REGISTRATION = "/account/two-factor/registration";

/** Enrolling, replacing and disabling the phone. */
export function twoFactor(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(["/account/two-factor", "/account/two-factor/{*rest}"], requireSignIn({ beforeMove: true }));

  const showMove = movePage(deps);

  async function showTwoFactor(ctx: Context, errors: Readonly<Record<string, string>>, status: number): Promise<void> {
    const { session, subscriber } = signedInOf(ctx);
    const factors = await deps.factors.listActive(subscriber.id);
    const passkeys = await deps.passkeys.findOf(factors.map(({ id }) => id));
    const hasPhone = factors.some(({ type }) => type === "authy-push");
    const [first] = offeredTypes(deps);
    const asked = typeNamed(queryText(ctx, "add") || typedBefore(ctx, "type"));
    const adding = asked !== null && deps.providers[asked] !== undefined ? asked : factors.length === 0 ? first : null;
    show(
      ctx,
      "two-factor",
      {
        factors: factors.map((factor) => {
          const isAgain = ctx.state.formAgain?.action === `/account/two-factor/factors/${factor.id}/rename`;
          const view = factorView(ctx.state.text, factor, passkeys);
          return isAgain ? { ...view, label: typedBefore(ctx, "label") } : view;
        }),
        asksBy: asksBy(factors, deps),
        /** The type that is to be added, where the page is about that. */
        adding: adding == null ? null : FACTOR_NAMES[adding],
        isFirstOffer: adding === first,
        hasPhone,
        mayMove: mayMove(deps, factors),
        replaced: replacedFactors(factors).map(({ id }) => id),
        otherOffers: offeredTypes(deps)
          .filter((type) => type !== adding && !(type === "authy-push" && hasPhone))
          .map((type) => FACTOR_NAMES[type]),
        mayReplace: factors.length > 0 && (await hasStepUp(deps, session, "replace-phone")),
        mayAdd:
          factors.length === 0 ||
          (adding != null && (await hasStepUp(deps, session, "add-factor", FACTOR_NAMES[adding]))),
        needsPassword: needsFreshPassword(deps, session),
        errors,
      },
      status,
    );
  }

  router.get("/account/two-factor", (ctx) => showTwoFactor(ctx, {}, 200));

  router.post(REGISTRATION, async function startRegistration(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const { password, type: name } = fields(ctx, [], ["password", "type"]);
    const type = name === "" ? offeredTypes(deps)[0] : typeNamed(name);
    if (type == null || deps.providers[type] === undefined) throw new MalformedForm({ type: "unknown-value" });
    if (needsFreshPassword(deps, session)) {
      if (!(await confirmPassword(deps, session.id, subscriber, password))) {
        const why = ctx.state.text(password === "" ? "confirm-password.missing" : "confirm-password.wrong");
        const isMove = type === "phone" && (await hasStepUp(deps, session, "move-from-authy"));
        await (isMove ? showMove : showTwoFactor)(ctx, { password: why }, 422);
        return;
      }
      await deps.sessions.notePassword(session.id, deps.now());
    }
    const browser = { ...originOf(ctx), knownKey: knownKey(ctx, subscriber.id) };
    const started = await startEnrolment(deps, type, session, browser);
    if (started.kind === "started") {
      giveKnownKey(ctx, subscriber.id, started.knownKey);
      seeOther(ctx, REGISTRATION);
      return;
    }
    if (started.kind === "too-many") flash(ctx, "note", ctx.state.text("flash.factors-limit"));
    if (started.kind === "needs-step-up")
      flash(
        ctx,
        "note",
        ctx.state.text(
          started.action === "replace-phone" ? "flash.replacing-needs-approval" : "flash.adding-needs-approval",
        ),
      );
    seeOther(ctx, "/account/two-factor");
  });

  async function showRegistration(ctx: Context, errors: Readonly<Record<string, string>>, status = 200): Promise<void> {
    const { session, subscriber } = signedInOf(ctx);
    const enrolment = await readEnrolment(deps, session.id);
    // A form that would start an enrolment may come again long after the last one ended.
    const isOfNewOne = ctx.state.formAgain !== undefined && enrolment?.state !== "pending";
    if (enrolment === null || isOfNewOne) {
      seeOther(ctx, "/account/two-factor");
      return;
    }
    show(
      ctx,
      "two-factor-registration",
      {
        enrolment: await enrolmentView(deps, enrolment, subscriber),
        recoveryCodesLeft: await deps.recoveryCodes.countLeft(subscriber.id),
        wanted: await wantedApplication(deps, ctx),
        values: { code: typedBefore(ctx, "code") },
        errors,
      },
      enrolment.state === "conflict" ? 409 : status,
    );
  }

  router.get(REGISTRATION, (ctx) => showRegistration(ctx, {}));

  router.get(`${REGISTRATION}/confirm`, function leadBack(ctx) {
    seeOther(ctx, REGISTRATION);
  });

  router.post(`${REGISTRATION}/confirm`, async function confirmRegistration(ctx) {
    const { session } = signedInOf(ctx);
    const { code } = fields(ctx, [], ["code"]);
    const confirmed = await confirmEnrolment(deps, session, code);
    switch (confirmed.kind) {
      case "wrong":
        await showRegistration(ctx, { code: ctx.state.text("confirm-code.wrong") }, 422);
        return;
      case "wait":
        await showRegistration(ctx, { form: waitText(ctx.state.text, confirmed.seconds) }, 429);
        ctx.set("Retry-After", String(confirmed.seconds));
        return;
      case "confirmed":
        await deps.sessionsEnded();
        seeOther(ctx, REGISTRATION);
        return;
      case "over":
        seeOther(ctx, REGISTRATION);
    }
  });

  router.get(`${REGISTRATION}/qrcode.svg`, async function showQrCode(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const enrolment = await readEnrolment(deps, session.id);
    const shown = enrolment && (await shownOf(deps, enrolment, subscriber));
    if (shown === null) throw new HttpRefusal(404, "no-enrolment");
    ctx.set("Cache-Control", "no-store");
    ctx.type = "image/svg+xml";
    ctx.body = await QRCode.toString(shown.qrText, {
      type: "svg",
      errorCorrectionLevel: "L",
      margin: 4,
    });
  });

  router.get(`${REGISTRATION}/cancel`, function leadBack(ctx) {
    seeOther(ctx, REGISTRATION);
  });

  router.post(`${REGISTRATION}/cancel`, async function cancelRegistration(ctx) {
    const enrolment = await readEnrolment(deps, signedInOf(ctx).session.id);
    if (enrolment !== null && isOpen(enrolment))
      await settleEnrolment(deps, enrolment.id, { state: "cancelled" }, "person");
    seeOther(ctx, "/account/two-factor");
  });

  router.get("/account/two-factor/disable", async function showDisable(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const factors = await deps.factors.listActive(subscriber.id);
    if (factors.length === 0) {
      seeOther(ctx, "/account/two-factor");
      return;
    }
    show(ctx, "two-factor-disable", {
      stepUp: await hasStepUp(deps, session, "disable-two-factor"),
      factors: factors.map((factor) => factorView(ctx.state.text, factor)),
      asksBy: asksBy(factors, deps),
    });
  });

  router.post("/account/two-factor/disable", async function disable(ctx) {
    const { session } = signedInOf(ctx);
    const browser = sessionBrowser(ctx, session.subscriberId);
    const signedIn = await disableTwoFactor(deps, session, browser);
    if (signedIn === null) {
      seeOther(ctx, "/account/two-factor/disable");
      return;
    }
    giveSession(ctx, signedIn);
    await deps.sessionsEnded();
    flash(ctx, "done", ctx.state.text("flash.two-factor-disabled"));
    seeOther(ctx, "/account/two-factor");
  });
  return router;
}

/** What is scanned or typed to go on with an enrolment; null when there is no more of it to see. */
async function shownOf({ providers }: Pick<HttpDeps, "providers">, enrolment: Enrolment, subscriber: Subscriber) {
  const enrols = providers[enrolment.type]?.enrols;
  return enrolment.state !== "pending" || enrols === undefined ? null : enrols.show(enrolment, subscriber);
}

async function enrolmentView(
  deps: Pick<HttpDeps, "providers" | "now" | "http">,
  enrolment: Enrolment,
  subscriber: Subscriber,
) {
  const claimed =
    enrolment.state === "claimed" ? await deps.providers[enrolment.type]?.enrols.claimed?.(enrolment) : null;
  const enrols = deps.providers[enrolment.type]?.enrols;
  const isPending = enrolment.state === "pending";
  const shown = await shownOf(deps, enrolment, subscriber);
  return {
    challengeId: enrolment.id,
    isMove: enrolment.type === "phone" && enrolment.replacesFactor,
    eventsPath: isOpen(enrolment) ? `/challenges/${enrolment.id}/events` : "",
    statusPath: isOpen(enrolment) ? `/challenges/${enrolment.id}` : "",
    state: isPending ? "waiting" : enrolment.state,
    type: FACTOR_NAMES[enrolment.type],
    isConfirmedHere: enrols?.confirm !== undefined || enrols?.registers !== undefined,
    openUrl: shown?.qrText ?? null,
    typed: shown?.typed ?? null,
    claimed: claimed ?? null,
    phonePage: `${deps.http.publicUrl.replace(/^https?:\/\//, "")}/phone/`,
    qrPath: `${REGISTRATION}/qrcode.svg?for=${enrolment.id.slice(0, 8)}`,
    expiresAt: enrolment.expiresAt.toISOString(),
    secondsLeft: Math.max(0, Math.round((enrolment.expiresAt.getTime() - deps.now().getTime()) / 1000)),
  };
}
