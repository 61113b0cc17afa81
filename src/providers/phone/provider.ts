import { type Deps } from "../../domain/deps.js";
import { type FactorProvider, type Push } from "../../domain/factor-provider.js";
import { type PushSubscription } from "../../domain/phone-key.js";
import { hashSecret } from "../../domain/secrets.js";
import { enrolmentSecret } from "./enrolment-secret.js";
import { notificationText } from "./notification-text.js";
import { comparisonDigits } from "./phone-key.js";
import { type PushResult, pushTopic, type SendPush } from "./send-push.js";
import { type VapidKey } from "./vapid.js";

/** What phones of our own are told of this program. */
export interface PhoneSettings {
  readonly publicUrl: string;
  /** The first makes the secrets of new enrolments. */
  readonly sessionKeys: readonly string[];
  /** The first is for new subscriptions, all may send. */
  readonly vapidKeys: readonly VapidKey[];
}

export type PhoneDeps = Pick<Deps, "phoneKeys" | "pushSubscriptions" | "feed" | "log" | "now"> & { send: SendPush };

/** Phones of our own: the page asks for what waits, and is rung where its browser can be. Nobody else knows the answers. */
export function phoneProvider(deps: PhoneDeps, settings: PhoneSettings): FactorProvider {
  return {
    asks: {
      async send(factors, push) {
        // An open page is faster than any push service.
        for (const { id } of factors) deps.feed.changed(id);
        const subscriptions = await deps.pushSubscriptions.findOf(factors.map(({ id }) => id));
        const rung = await Promise.all(subscriptions.map((each) => ring(deps, settings, each, push)));
        return { ref: push.challengeId, reach: rung.includes(true) ? "ringing" : "listed" };
      },
    },
    enrols: {
      async begin(rows, { id, createdAt }) {
        const secretHash = hashSecret(enrolmentSecret(settings.sessionKeys[0] ?? "", id));
        await rows.phoneKeys.insert({ id, secretHash, createdAt });
      },
      async show({ id }) {
        const kept = await deps.phoneKeys.find(id);
        // The keys may have changed since it began.
        const secret = settings.sessionKeys
          .map((key) => enrolmentSecret(key, id))
          .find((each) => hashSecret(each) === kept?.secretHash);
        if (secret === undefined) return null;
        return { qrText: `${settings.publicUrl}/phone/#add=${secret}`, typed: (secret.match(/.{4}/g) ?? []).join(" ") };
      },
      async claimed({ id }) {
        const row = await deps.phoneKeys.find(id);
        if (row?.keyHash == null || row.spki === null) return null;
        const digits = comparisonDigits(id, Buffer.from(row.spki, "base64url"));
        return { providerId: row.keyHash, label: row.label, address: row.address, digits };
      },
    },
  };
}

/** Rings one phone. @returns whether its push service took it. */
async function ring(
  { send, pushSubscriptions, log, now }: PhoneDeps,
  { publicUrl, vapidKeys }: PhoneSettings,
  subscription: PushSubscription,
  push: Push,
): Promise<boolean> {
  const key = vapidKeys.find(({ publicKey }) => publicKey === subscription.vapid);
  // Push services take no other key for it: the page subscribes anew when it is opened.
  if (key === undefined) return false;
  const topic = pushTopic(push.challengeId);
  const { challengeId, message, details, secondsToExpire } = push;
  const text = notificationText(
    {
      challengeId,
      question: message,
      username: details["Account"] ?? "",
      browserLabel: details["Browser"] ?? "",
      expiresAt: new Date(now().getTime() + secondsToExpire * 1000),
    },
    publicUrl,
    topic,
  );
  const result = await send(subscription, key, { text, topic, ttlSeconds: secondsToExpire });
  if (result.kind === "gone") await pushSubscriptions.remove(subscription.factorId, subscription.endpoint);
  if (result.kind !== "sent")
    log.warn({ challengeId, factorId: subscription.factorId, ...wordsOf(result) }, "phone not rung");
  return result.kind === "sent";
}

function wordsOf(result: PushResult): Record<string, string | number | null> {
  return "reason" in result
    ? { result: result.kind, reason: result.reason }
    : { result: result.kind, status: result.status };
}
