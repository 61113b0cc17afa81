import Router from "@koa/router";

import { isStepUpAction } from "../../domain/attempt.js";
import type { AuditEvent } from "../../domain/audit.js";
import type { Factor, FactorType } from "../../domain/factor.js";
import { isMoveDue, replacedFactors } from "../../domain/move-from-authy.js";
import type { Session } from "../../domain/session.js";
import { endOtherSessions, endSession } from "../../domain/sign-out.js";
import { hashSecret } from "../../domain/secrets.js";
import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { factorView, offeredTypes } from "../factor-view.js";
import { knownKey } from "../known-browser.js";
import { flash } from "../middleware/carry-messages.js";
import { originOf } from "../origin.js";
import { queryText } from "../query-text.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import type { Text, TextKey } from "../text.js";
import { seeOther, show } from "../views.js";

const PAGE_ROWS = 50;
const MOST_PAGES = 1000;

/** What anybody can fill a history with, who knows the name alone: left out unless it is asked for. */
const OTHERS_TRIES = ["sign-in-failed"] as const;

/** The account page: what protects it, where it is signed in, what happened lately. */
export function account(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(["/account", "/account/sessions", "/account/sessions/{*rest}", "/account/activity"], requireSignIn());

  router.get("/account", async function showAccount(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const factors = await deps.factors.listActive(subscriber.id);
    const recoveryCodesLeft = await deps.recoveryCodes.countLeft(subscriber.id);
    const key = knownKey(ctx, subscriber.id);
    const browsers = await deps.browsers.list(subscriber.id);
    show(ctx, "account", {
      username: subscriber.username,
      email: subscriber.email,
      emailConfirmed: subscriber.emailVerifiedAt !== null,
      mustChangePassword: subscriber.mustChangePassword,
      protection: protectionText(ctx.state.text, factors, offeredTypes(deps), recoveryCodesLeft),
      factors: factors.map((factor) => factorView(ctx.state.text, factor)),
      isMoveOffered: isMoveDue(deps, subscriber, factors),
      replaced: replacedFactors(factors).map((factor) => factorView(ctx.state.text, factor)),
      recoveryCodesLeft,
      sessions: (await deps.sessions.list(subscriber.id, deps.now())).map((one) => sessionView(one, session.id)),
      browsers: browsers.map((browser) => ({
        label: browser.label,
        firstSeenAt: browser.firstSeenAt.toISOString(),
        lastSeenAt: browser.lastSeenAt.toISOString(),
        current: key !== null && browser.keyHash === hashSecret(key),
      })),
      activity: (await deps.audit.list(subscriber.id, { limit: 8, without: OTHERS_TRIES })).map((event) =>
        activityView(ctx.state.text, event),
      ),
    });
  });

  router.get("/account/sessions", async function showSessions(ctx) {
    const { session, subscriber } = signedInOf(ctx);
    const sessions = await deps.sessions.list(subscriber.id, deps.now());
    show(ctx, "sessions", { sessions: sessions.map((one) => sessionView(one, session.id)) });
  });

  router.get(["/account/sessions/revoke-others", "/account/sessions/:id/revoke"], function leadBack(ctx) {
    seeOther(ctx, "/account/sessions");
  });

  router.post("/account/sessions/revoke-others", async function revokeOthers(ctx) {
    const ended = await endOtherSessions(deps, signedInOf(ctx).session, originOf(ctx));
    await deps.sessionsEnded();
    flash(
      ctx,
      "done",
      ended === 0
        ? ctx.state.text("flash.nowhere-else")
        : ctx.state.text("flash.signed-out-elsewhere", { places: ended }),
    );
    seeOther(ctx, "/account/sessions");
  });

  router.post("/account/sessions/:id/revoke", async function revokeSession(ctx) {
    const { subscriber } = signedInOf(ctx);
    // Somebody else's id finds nothing, like one that never was.
    const id = (ctx.params["id"] ?? "").replace(/[^\w-]/g, "").slice(0, 64);
    if (await endSession(deps, subscriber.id, id, originOf(ctx))) {
      await deps.sessionsEnded();
      flash(ctx, "done", ctx.state.text("flash.session-ended"));
    }
    seeOther(ctx, "/account/sessions");
  });

  router.get("/account/activity", async function showActivity(ctx) {
    const { subscriber } = signedInOf(ctx);
    const page = Math.min(MOST_PAGES, Math.max(1, Number.parseInt(queryText(ctx, "page"), 10) || 1));
    const withTries = queryText(ctx, "show") === "all";
    const events = await deps.audit.list(subscriber.id, {
      offset: (page - 1) * PAGE_ROWS,
      limit: PAGE_ROWS + 1, // one more tells whether there is an older page
      without: withTries ? [] : OTHERS_TRIES,
    });
    const address = (to: number): string => `/account/activity?${withTries ? "show=all&" : ""}page=${to}`;
    show(ctx, "activity", {
      activity: events.slice(0, PAGE_ROWS).map((event) => activityView(ctx.state.text, event)),
      withTries,
      newer: page > 1 ? address(page - 1) : null,
      older: events.length > PAGE_ROWS && page < MOST_PAGES ? address(page + 1) : null,
    });
  });
  return router;
}

function protectionText(
  text: Text,
  factors: readonly Factor[],
  [firstOffer]: readonly FactorType[],
  recoveryCodesLeft: number,
): string {
  if (factors.length === 0) return text(firstOffer === "totp" ? "protection.password-app" : "protection.password");
  const types = new Set(factors.map(({ type }) => type));
  const [only] = types.size === 1 ? types : [];
  const what = text(only === undefined ? "protection.several" : PROTECTION[only](factors.length));
  return recoveryCodesLeft === 0 ? `${what} ${text("protection.without-codes")}` : what;
}

const PROTECTION: Readonly<Record<FactorType, (count: number) => TextKey>> = {
  "authy-push": () => "protection.phone",
  phone: (count) => (count === 1 ? "protection.phone" : "protection.several"),
  passkey: (count) => (count === 1 ? "protection.passkey" : "protection.several"),
  totp: () => "protection.app",
};

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

const OUTCOMES: Readonly<Record<AuditEvent["kind"], Outcome>> = {
  registered: "good",
  "signed-in": "good",
  "signed-out": "neutral",
  "sign-in-failed": "bad",
  "sign-in-denied": "bad",
  "sign-in-ended": "bad",
  "step-up-ended": "neutral",
  "not-me": "bad",
  "phone-enrolled": "good",
  "phone-removed": "neutral",
  "notifications-ended": "bad",
  "password-changed": "neutral",
  "recovery-codes-made": "neutral",
  "recovery-code-used": "neutral",
  "session-ended": "neutral",
  unlocked: "neutral",
  disabled: "bad",
  enabled: "good",
  "email-verified": "good",
  "group-joined": "neutral",
  "group-left": "neutral",
  "step-up": "good",
  "reset-asked": "neutral",
  "address-change-asked": "neutral",
  "address-confirmed": "good",
  "address-changed": "neutral",
  "address-change-undone": "bad",
  "account-closed": "bad",
  "account-reopened": "good",
  "account-erased": "bad",
  imported: "neutral",
};

/** What the history says about how something was done, by an event's detail; other details are for the operator. */
const WAYS: Readonly<Record<string, TextKey>> = {
  phone: "way.phone",
  password: "way.password",
  "app code": "way.app-code",
  "recovery code": "way.recovery-code",
  passkey: "way.passkey",
  "ran-out": "way.ran-out",
  cancelled: "way.cancelled",
  replaced: "way.replaced",
  "wrong-codes": "way.wrong-codes",
  "signed-out": "way.signed-out",
  "account-changed": "way.account-changed",
  operator: "way.operator",
  "disable-two-factor": "way.disable-two-factor",
  "replace-phone": "way.replace-phone",
  "add-factor": "way.add-factor",
  "move-from-authy": "way.move-from-authy",
  "remove-factor": "way.remove-factor",
  "change-password": "way.change-password",
  "new-recovery-codes": "way.new-recovery-codes",
  "change-email": "way.change-email",
  "authorize-device": "way.authorize-device",
  "close-account": "way.close-account",
};

/** Their detail is for the operator, or a name that somebody chose. */
const WITHOUT_WAY: ReadonlySet<AuditEvent["kind"]> = new Set(["sign-in-failed", "group-joined", "group-left"]);

function whatOf({ kind, detail }: AuditEvent, isStepUp: boolean): TextKey {
  if (kind === "sign-in-denied" && isStepUp) return "activity.step-up-denied";
  if (kind === "password-changed" && detail === "reset") return "activity.password-reset";
  if (detail === "passkey-copied") return "activity.passkey-copied";
  if (!isAboutFactor(kind)) return `activity.${kind}`;
  const words = detail.split(" ");
  if (words.includes("moved")) return "activity.moved";
  if (words.includes("renamed")) return "activity.factor-renamed";
  if (words.includes("preferred")) return "activity.factor-preferred";
  const what = words.includes("passkey") ? "passkey" : words.includes("totp") ? "app" : "phone";
  return kind === "phone-enrolled" ? `activity.${what}-enrolled` : `activity.${what}-removed`;
}

/** Of every type: the detail begins with another type than Authy's. */
function isAboutFactor(kind: AuditEvent["kind"]): kind is "phone-enrolled" | "phone-removed" {
  return kind === "phone-enrolled" || kind === "phone-removed";
}

function wayOf({ kind, detail }: AuditEvent): TextKey | undefined {
  if (WITHOUT_WAY.has(kind)) return undefined;
  if (isAboutFactor(kind)) return detail.split(" ").includes("operator") ? "way.operator" : undefined;
  return WAYS[detail];
}

function activityView(text: Text, event: AuditEvent) {
  const way = wayOf(event);
  const isStepUp = isStepUpAction(event.detail);
  const what = text(whatOf(event, isStepUp), { phone: event.detail });
  return {
    at: event.at.toISOString(),
    text: way === undefined ? what : text("activity.how", { what, way: text(way) }),
    outcome: OUTCOMES[event.kind],
    address: event.address,
    browser: event.browserLabel,
  };
}
