import type { AuditEvent } from "./audit.js";
import type { Deps } from "./deps.js";
import { type Delivery, LINKS, type LinkPurpose, type Mail, type MailState } from "./mail.js";
import { hashSecret, newSecret } from "./secrets.js";
import type { Subscriber } from "./subscriber.js";

type SendDeps = Pick<Deps, "mails" | "links" | "subscribers" | "settings" | "log" | "now"> & {
  readonly mail: NonNullable<Deps["mail"]>;
};

/** So many messages are on their way at once, of one process. */
const LANES = 5;
const BATCH = 50;
/** After a day nobody needs to be told any more. */
const GIVE_UP_AFTER_MS = 86_400_000;
/** Undo and not-me links. */
const WAY_BACK_MS = 7 * 86_400_000;

/** Sends every message that is due. Several processes may do so at once, and each may die at any moment. */
export async function sendDueMails(deps: SendDeps, isStopping: () => boolean = () => false): Promise<void> {
  for (;;) {
    const due = await deps.mails.findDue(deps.now(), BATCH);
    const waiting = due.values();
    const lane = async (): Promise<void> => {
      for (const mail of waiting) if (!isStopping()) await sendOne(deps, mail);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if (due.length < BATCH || isStopping()) return;
  }
}

/** One try at one message. Its lease outlives the conversation: whoever comes after that sends at most one more copy. */
async function sendOne(deps: SendDeps, mail: Mail): Promise<void> {
  const { mails, settings, now, log } = deps;
  const leaseUntil = new Date(now().getTime() + 3000 * settings.mailSilenceSeconds);
  if (!(await mails.claim(mail.id, now(), leaseUntil))) return;
  const [event, subscriber] = [await mails.findEvent(mail), await deps.subscribers.find(mail.subscriberId)];
  const settle = (state: Exclude<MailState, "due">, failure?: string): Promise<void> =>
    subscriber === null ? mails.forget(mail.id) : mails.settle(mail.id, state, now(), failure);
  if (event === null || isVoid(deps, mail, subscriber)) {
    await settle("void");
    return;
  }
  const delivery = await deliver(deps, mail, event, subscriber);
  const at = now();
  if (delivery.kind === "sent") {
    await settle("sent");
    return;
  }
  const tried = { mailId: mail.id, mail: mail.kind, tries: mail.tries + 1, reason: delivery.reason };
  const again = new Date(at.getTime() + 1000 * pauseAfter(mail.tries, settings.mailRetrySeconds));
  if (delivery.kind === "refused" || again.getTime() - mail.createdAt.getTime() > GIVE_UP_AFTER_MS) {
    log.warn(tried, "message given up");
    await settle("given-up", delivery.reason);
    return;
  }
  log.warn(tried, "message not sent, will be tried again");
  await mails.postpone(mail.id, again, delivery.reason);
}

/** @param triesBefore - How many tries went before the one that failed. */
function pauseAfter(triesBefore: number, pauses: readonly number[]): number {
  return pauses[Math.min(triesBefore, pauses.length - 1)] ?? 3600;
}

/** A link that is worth nothing any more need not be sent. */
function isVoid(
  { settings, now }: SendDeps,
  { kind, createdAt, epoch, recipient }: Mail,
  owner: Subscriber | null,
): boolean {
  const purpose = LINKS[kind];
  if (purpose !== "reset" && purpose !== "verify") return false;
  if (owner === null) return true;
  const isOwn = recipient === owner.email || (purpose === "verify" && recipient === owner.pendingEmail);
  const isOver = createdAt.getTime() + lifeMs(purpose, settings) <= now().getTime();
  return isOver || !isOwn || epoch !== owner.epoch || owner.disabledAt !== null;
}

async function deliver(deps: SendDeps, mail: Mail, event: AuditEvent, owner: Subscriber | null): Promise<Delivery> {
  const { postman, compose } = deps.mail;
  const purpose = LINKS[mail.kind];
  // An account that is gone has left its language and time zone with its last message, and there is nothing that a link could do.
  const reader = owner ?? { username: "", ...leftBehind(mail) };
  if (purpose === null || owner === null) return postman.send(compose(mail, event, reader, null));
  // The database has only the hash: a second try cannot repeat the first one's token, and both may have arrived.
  const token = newSecret();
  const isBoundToEpoch = purpose === "reset" || purpose === "verify";
  await deps.links.insert({
    ...{ tokenHash: hashSecret(token), mailId: mail.id, purpose, subscriberId: mail.subscriberId },
    ...{ address: mail.recipient, epoch: isBoundToEpoch ? mail.epoch : null, createdAt: mail.createdAt },
    expiresAt: new Date(mail.createdAt.getTime() + lifeMs(purpose, deps.settings)),
  });
  return postman.send(compose(mail, event, reader, deps.mail.linkUrl(purpose, token)));
}

/** Of a message about anything else than the end of an account nothing is known. */
function leftBehind({ kind, detail }: Mail): { readonly language: string | null; readonly timeZone: string | null } {
  const [language = "", timeZone = ""] = kind === "account-erased" ? detail.split(" ") : [];
  return { language: language || null, timeZone: timeZone || null };
}

/** How long a link of this purpose opens what it is for, from the event on. */
export function lifeMs(purpose: LinkPurpose, settings: Pick<Deps["settings"], "resetTtlSeconds" | "verifyTtlSeconds">) {
  if (purpose === "reset") return settings.resetTtlSeconds * 1000;
  return purpose === "verify" ? settings.verifyTtlSeconds * 1000 : WAY_BACK_MS;
}
