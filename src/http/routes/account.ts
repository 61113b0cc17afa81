import Router from "@koa/router";

import { type AuditEvent } from "../../domain/audit.js";
import { type Session } from "../../domain/session.js";
import { hashSecret } from "../../domain/secrets.js";
import { type RequestState } from "../context.js";
import { type HttpDeps } from "../deps.js";
import { knownKey } from "../known-browser.js";
import { flash } from "../middleware/browser-session.js";
import { recordEvent } from "../record-event.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seeOther, show } from "../views.js";
import { DEVICE_LABEL } from "../waiting-view.js";

/** The account page: what protects it, where it is signed in, what happened lately. */
export function account(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(["/account", "/account/sessions", "/account/sessions/{*rest}", "/account/activity"], requireSignIn());

  router.get("/account", async function showAccount(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const factor = await deps.factors.findActive(subscriber.id);
    const recoveryCodesLeft = await deps.recoveryCodes.countLeft(subscriber.id);
    const key = knownKey(ctx, subscriber.id, deps.http.isHttps);
    const browsers = await deps.browsers.list(subscriber.id);
    show(ctx, deps.views, "account", {
      username: subscriber.username,
      email: subscriber.email,
      mustChangePassword: subscriber.mustChangePassword,
      protection: protectionText(factor !== null, recoveryCodesLeft),
      factor:
        factor === null
          ? null
          : { id: factor.id, enrolledAt: factor.createdAt.toISOString(), deviceLabel: DEVICE_LABEL },
      recoveryCodesLeft,
      sessions: (await deps.sessions.list(subscriber.id, deps.now())).map((one) => sessionView(one, session.id)),
      browsers: browsers.map((browser) => ({
        label: browser.label,
        firstSeenAt: browser.firstSeenAt.toISOString(),
        lastSeenAt: browser.lastSeenAt.toISOString(),
        current: key !== null && browser.keyHash === hashSecret(key),
      })),
      activity: (await deps.audit.list(subscriber.id, 8)).map(activityView),
    });
  });

  router.get("/account/sessions", async function showSessions(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const sessions = await deps.sessions.list(subscriber.id, deps.now());
    show(ctx, deps.views, "sessions", { sessions: sessions.map((one) => sessionView(one, session.id)) });
  });

  router.post("/account/sessions/revoke-others", async function revokeOthers(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const ended = await deps.sessions.endOthers(subscriber.id, session.id, deps.now());
    await deps.sessionsEnded();
    await recordEvent(ctx, deps, subscriber.id, "session-ended", "all others");
    flash(
      ctx,
      "done",
      ended.length === 0
        ? "You were signed in nowhere else."
        : `Signed out in ${ended.length} other ${ended.length === 1 ? "place" : "places"}.`,
    );
    seeOther(ctx, "/account/sessions");
  });

  router.post("/account/sessions/:id/revoke", async function revokeSession(ctx) {
    const { subscriber } = signedInOf(ctx);
    // Somebody else's id finds nothing, like one that never was.
    const ended = await deps.sessions.end(
      subscriber.id,
      (ctx.params["id"] ?? "").replace(/[^\w-]/g, "").slice(0, 64),
      deps.now(),
    );
    if (ended) {
      await deps.sessionsEnded();
      await recordEvent(ctx, deps, subscriber.id, "session-ended", "one");
      flash(ctx, "done", "Signed out there.");
    }
    seeOther(ctx, "/account/sessions");
  });

  router.get("/account/activity", async function showActivity(ctx) {
    const { subscriber } = signedInOf(ctx);
    show(ctx, deps.views, "activity", { activity: (await deps.audit.list(subscriber.id, 100)).map(activityView) });
  });
  return router;
}

function protectionText(hasFactor: boolean, recoveryCodesLeft: number): string {
  if (!hasFactor) return "Only your password protects this account. Add your phone to make it much safer.";
  return recoveryCodesLeft === 0
    ? "Your password and your phone protect this account. Make recovery codes, so that a lost phone does not lock you out."
    : "Your password and your phone protect this account.";
}

function sessionView(session: Session, currentId: string) {
  return {
    id: session.id,
    current: session.id === currentId,
    browser: session.browserLabel,
    address: session.address,
    createdAt: session.createdAt.toISOString(),
    seenAt: session.seenAt.toISOString(),
  };
}

type Outcome = "good" | "bad" | "neutral";

const WORDS: Readonly<Record<AuditEvent["kind"], readonly [text: string, outcome: Outcome]>> = {
  registered: ["Account opened", "good"],
  "signed-in": ["Signed in", "good"],
  "signed-out": ["Signed out", "neutral"],
  "sign-in-failed": ["Wrong password", "bad"],
  "sign-in-denied": ["Sign-in denied", "bad"],
  "not-me": ["Reported as “this was not me”", "bad"],
  "phone-enrolled": ["Phone added", "good"],
  "phone-removed": ["Phone removed", "neutral"],
  "password-changed": ["Password changed", "neutral"],
  "recovery-codes-made": ["New recovery codes made", "neutral"],
  "recovery-code-used": ["Recovery code used", "neutral"],
  "session-ended": ["Signed out elsewhere", "neutral"],
  unlocked: ["Failed tries forgotten by an operator", "neutral"],
  "step-up": ["Approved on the phone", "good"],
};

const WAYS: Readonly<Record<string, string>> = {
  phone: "with the phone",
  password: "with the password",
  "app code": "with a code of the app",
  "recovery code": "with a recovery code",
  operator: "by an operator",
  "disable-two-factor": "to disable two-factor sign-in",
  "replace-phone": "to replace the phone",
  "change-password": "to change the password",
  "new-recovery-codes": "to make new recovery codes",
};

function activityView(event: AuditEvent) {
  const [text, outcome] = WORDS[event.kind];
  const way = event.kind === "sign-in-failed" ? undefined : WAYS[event.detail];
  const what = event.kind === "sign-in-denied" && way?.startsWith("to ") ? "Denied on the phone:" : text;
  const says = way === undefined ? text : `${what} ${way}`;
  return { at: event.at.toISOString(), text: says, outcome, address: event.address, browser: event.browserLabel };
}
