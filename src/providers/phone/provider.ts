import type { Deps, PushWords } from "../../domain/deps.js";
import { endNotifications } from "../../domain/end-notifications.js";
import type { Factor } from "../../domain/factor.js";
import type { FactorProvider, Push } from "../../domain/factor-provider.js";
import type { PushSubscription } from "../../domain/phone-key.js";
import { hashSecret } from "../../domain/secrets.js";
import { enrolmentSecret } from "./enrolment-secret.js";
import { noticeText, notificationText } from "./notification-text.js";
import { comparisonDigits } from "./phone-key.js";
import { type PushResult, pushTopic, type SendPush } from "./send-push.js";
import type { VapidKey } from "./vapid.js";

/** A notice may wait for a phone that is switched off over night. */
const NOTICE_TTL_SECONDS = 86_400;

/** What phones of our own are told of this program. */
export interface PhoneSettings {
  readonly publicUrl: string;
  /** The first makes the secrets of new enrolments. */
  readonly sessionKeys: readonly string[];
  /** The first is for new subscriptions, all may send. */
  readonly vapidKeys: readonly VapidKey[];
}

export type PhoneDeps = Pick<
  Deps,
  "factors" | "subscribers" | "phoneKeys" | "pushSubscriptions" | "transaction" | "feed" | "pushWords" | "log" | "now"
> & {
  send: SendPush;
};

/** Phones of our own: the page asks for what waits, and is rung where its browser can be. Nobody else knows the answers. */
export function phoneProvider(deps: PhoneDeps, settings: PhoneSettings): FactorProvider {
  return {
    asks: {
      async send(factors, push) {
        const [first] = factors;
        const owner = first === undefined ? null : await deps.subscribers.find(first.subscriberId);
        const words = deps.pushWords(owner?.language ?? null);
        // An open page is faster than any push service.
        for (const { id } of factors) deps.feed.changed(id);
        const subscriptions = await deps.pushSubscriptions.findOf(factors.map(({ id }) => id));
        const rung = await Promise.all(
          subscriptions.map(async (each) => ({
            ...each,
            result: await ring(deps, settings, factors, each, push, words),
          })),
        );
        return {
          ref: push.challengeId,
          reach: rung.some(({ result }) => result?.kind === "sent") ? "ringing" : "listed",
          unreached: rung.flatMap(({ factorId, result }) =>
            result?.kind === "later" ? [{ factorId, afterSeconds: result.retryAfterSeconds }] : [],
          ),
        };
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

/** Rings one phone. @returns null where we have no key for it. */
async function ring(
  deps: PhoneDeps,
  { publicUrl, vapidKeys }: PhoneSettings,
  factors: readonly Factor[],
  subscription: PushSubscription,
  push: Push,
  words: PushWords,
): Promise<PushResult | null> {
  const key = vapidKeys.find(({ publicKey }) => publicKey === subscription.vapid);
  // Push services take no other key for it: the page subscribes anew when it is opened.
  if (key === undefined) return null;
  const topic = pushTopic(push.challengeId);
  const { challengeId, message, details, secondsToExpire } = push;
  const text = notificationText(
    {
      challengeId,
      question: message,
      username: details["Account"] ?? "",
      browserLabel: details["Browser"] ?? "",
      expiresAt: new Date(deps.now().getTime() + secondsToExpire * 1000),
      offers: words.offers(),
    },
    publicUrl,
    topic,
  );
  const result = await deps.send(subscription, key, { text, topic, ttlSeconds: secondsToExpire });
  const factor = factors.find(({ id }) => id === subscription.factorId);
  if (result.kind === "gone" && factor !== undefined && (await endNotifications(deps, factor, subscription.endpoint)))
    void tellOtherPhones(deps, { publicUrl, vapidKeys }, factor).catch(() => undefined); // its history says it, too
  if (result.kind !== "sent")
    deps.log.warn({ challengeId, factorId: subscription.factorId, ...wordsOf(result) }, "phone not rung");
  return result;
}

/** Tells an account's other phones that one of them is no longer notified. */
async function tellOtherPhones(
  { factors, subscribers, pushSubscriptions, pushWords, send }: PhoneDeps,
  { publicUrl, vapidKeys }: Pick<PhoneSettings, "publicUrl" | "vapidKeys">,
  silent: Factor,
): Promise<void> {
  const phones = (await factors.listActive(silent.subscriberId)).filter(({ type }) => type === "phone");
  const others = await pushSubscriptions.findOf(phones.map(({ id }) => id).filter((id) => id !== silent.id));
  const topic = pushTopic(silent.id);
  const owner = await subscribers.find(silent.subscriberId);
  const text = noticeText(pushWords(owner?.language ?? null).silent(silent.label), publicUrl, topic);
  for (const other of others) {
    const key = vapidKeys.find(({ publicKey }) => publicKey === other.vapid);
    if (key !== undefined) await send(other, key, { text, topic, ttlSeconds: NOTICE_TTL_SECONDS });
  }
}

function wordsOf(result: PushResult): Record<string, string | number | null> {
  return "reason" in result
    ? { result: result.kind, reason: result.reason }
    : { result: result.kind, status: result.status };
}
