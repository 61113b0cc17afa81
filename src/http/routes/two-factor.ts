import Router from "@koa/router";
import QRCode from "qrcode";

import { confirmPassword } from "../../domain/check-password.js";
import { disableTwoFactor } from "../../domain/disable-two-factor.js";
import { needsFreshPassword, readEnrolment, startEnrolment } from "../../domain/enrol.js";
import { type Enrolment, isOpen } from "../../domain/enrolment.js";
import { settleEnrolment } from "../../domain/settle-enrolment.js";
import { hasStepUp } from "../../domain/step-up.js";
import { type Context, type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { giveKnownKey, knownKey } from "../known-browser.js";
import { flash } from "../middleware/carry-messages.js";
import { fields } from "../middleware/form.js";
import { HttpRefusal } from "../refusal.js";
import { originOf } from "../origin.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { giveSession, sessionBrowser } from "../signed-in.js";
import { seeOther, show } from "../views.js";

const REGISTRATION = "/account/two-factor/registration";

/** Enrolling, replacing and disabling the phone. */
export function twoFactor(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(["/account/two-factor", "/account/two-factor/{*rest}"], requireSignIn());

  async function showTwoFactor(ctx: Context, errors: Readonly<Record<string, string>>, status: number): Promise<void> {
    const { session, subscriber } = signedInOf(ctx);
    const [factor] = await deps.factors.listActive(subscriber.id);
    show(
      ctx,
      "two-factor",
      {
        factor:
          factor === undefined
            ? null
            : {
                id: factor.id,
                enrolledAt: factor.createdAt.toISOString(),
                deviceLabel: ctx.state.text("device.authy"),
              },
        mayReplace: factor !== undefined && (await hasStepUp(deps, session, "replace-phone")),
        needsPassword: needsFreshPassword(deps, session),
        errors,
      },
      status,
    );
  }

  router.get("/account/two-factor", (ctx) => showTwoFactor(ctx, {}, 200));

  router.post(REGISTRATION, async function startRegistration(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const { password } = fields(ctx, [], ["password"]);
    if (needsFreshPassword(deps, session)) {
      if (!(await confirmPassword(deps, session.id, subscriber, password))) {
        const why = ctx.state.text(password === "" ? "confirm-password.missing" : "confirm-password.wrong");
        await showTwoFactor(ctx, { password: why }, 422);
        return;
      }
      await deps.sessions.notePassword(session.id, deps.now());
    }
    const browser = { ...originOf(ctx), knownKey: knownKey(ctx, subscriber.id) };
    const key = await startEnrolment(deps, session, browser);
    if (key === null) {
      flash(ctx, "note", ctx.state.text("flash.replacing-needs-approval"));
      seeOther(ctx, "/account/two-factor");
      return;
    }
    giveKnownKey(ctx, subscriber.id, key);
    seeOther(ctx, REGISTRATION);
  });

  router.get(REGISTRATION, async function showRegistration(ctx) {
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
        enrolment: await enrolmentView(deps, enrolment),
        recoveryCodesLeft: await deps.recoveryCodes.countLeft(subscriber.id),
      },
      enrolment.state === "conflict" ? 409 : 200,
    );
  });

  router.get(`${REGISTRATION}/qrcode.svg`, async function showQrCode(ctx) {
    const enrolment = await readEnrolment(deps, signedInOf(ctx).session.id);
    const shown = enrolment && (await shownOf(deps, enrolment));
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
    const [factor] = await deps.factors.listActive(subscriber.id);
    if (factor === undefined) {
      seeOther(ctx, "/account/two-factor");
      return;
    }
    show(ctx, "two-factor-disable", {
      stepUp: await hasStepUp(deps, session, "disable-two-factor"),
      factor: {
        id: factor.id,
        enrolledAt: factor.createdAt.toISOString(),
        deviceLabel: ctx.state.text("device.authy"),
      },
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
async function shownOf({ providers }: Pick<HttpDeps, "providers">, enrolment: Enrolment) {
  const enrols = providers[enrolment.type]?.enrols;
  return enrolment.state !== "pending" || enrols === undefined ? null : enrols.show(enrolment);
}

async function enrolmentView(deps: Pick<HttpDeps, "providers" | "now">, enrolment: Enrolment) {
  const isPending = enrolment.state === "pending";
  return {
    challengeId: enrolment.id,
    eventsPath: isPending ? `/challenges/${enrolment.id}/events` : "",
    statusPath: isPending ? `/challenges/${enrolment.id}` : "",
    state: isPending ? "waiting" : enrolment.state,
    openUrl: (await shownOf(deps, enrolment))?.qrText ?? null,
    qrPath: `${REGISTRATION}/qrcode.svg?for=${enrolment.id.slice(0, 8)}`,
    expiresAt: enrolment.expiresAt.toISOString(),
    secondsLeft: Math.max(0, Math.round((enrolment.expiresAt.getTime() - deps.now().getTime()) / 1000)),
  };
}
