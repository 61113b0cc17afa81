import type { Attempt } from "../domain/attempt.js";
import { type Factor, ringing } from "../domain/factor.js";
import type { Context } from "./context.js";
import type { HttpDeps } from "./deps.js";
import { typedBefore } from "./middleware/show-form-again.js";
import type { WaitingPlace } from "./routes/waiting.js";
import { canUsePasskey } from "./factor-view.js";
import { show } from "./views.js";

/**
 * The page that asks for a code or a passkey: in place of a tap, or of somebody who has nothing that could be asked.
 *
 * @param shown - `isFirst` where nothing was asked before.
 */
export async function showCodePage(
  deps: HttpDeps,
  ctx: Context,
  place: WaitingPlace,
  { subscriberId }: Pick<Attempt, "subscriberId">,
  errors: Readonly<Record<string, string>>,
  { isFirst = false, status = 200 }: { isFirst?: boolean; status?: number | undefined } = {},
): Promise<void> {
  const factors = await deps.factors.listActive(subscriberId);
  const judged = factors.filter(({ type }) => deps.providers[type]?.judges !== undefined);
  const hasPasskey = canUsePasskey(factors, deps);
  const prefersCode = judged.some(({ isPreferred }) => isPreferred);
  const canAsk = ringing(factors, deps.providers).length > 0;
  const maySendText = judged.some(({ type }) => deps.providers[type]?.judges?.sendTextMessage !== undefined);
  show(
    ctx,
    "login-code",
    {
      base: place.base === "/login/approval" ? "/login" : place.base,
      action: place.codePath,
      apps: appsOf(judged),
      /** Where the page of the tap offers it, it need not be offered here. */
      passkeyPath: hasPasskey && !(canAsk && !isFirst) ? `${place.base}/passkey` : null,
      isPasskeyFirst: hasPasskey && isFirst && !prefersCode,
      isAsked: canAsk && !isFirst,
      mayAsk: canAsk && isFirst,
      smsAllowed: deps.settings.textMessages && maySendText,
      smsAction: `${place.codePath}/sms`,
      back: place.base,
      recoveryAllowed: true,
      triesLeft: null,
      values: { code: typedBefore(ctx, "code") },
      errors,
    },
    status,
  );
}

/** Whose code may be typed: of the Authy app, of any authenticator app, of either, or of none. */
export function appsOf(factors: readonly Pick<Factor, "type">[]): "authy" | "totp" | "both" | "nothing" {
  const [hasAuthy, hasTotp] = (["authy-push", "totp"] as const).map((each) =>
    factors.some(({ type }) => type === each),
  );
  if (hasTotp === true) return hasAuthy === true ? "both" : "totp";
  return hasAuthy === true ? "authy" : "nothing";
}
