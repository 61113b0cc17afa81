import type { PushWords } from "../../domain/deps.js";
import { plainText } from "../../domain/push-text.js";
import { PADDED_BYTES } from "./encrypt-push.js";

const TITLE_MAX = 60;
const BODY_MAX = 90;

/** What a push tells the phone. A lock screen shows it to whoever holds the phone. */
export interface Notified {
  readonly challengeId: string;
  /** "Sign in to Acme?" */
  readonly question: string;
  readonly username: string;
  /** "Chrome on Windows" */
  readonly browserLabel: string;
  readonly expiresAt: Date;
  /** The words of the notification's buttons, and of one that comes too late. */
  readonly offers?: ReturnType<PushWords["offers"]>;
}

/**
 * The text of a push: a notification that Safari shows without our worker (declarative web push), and what our own worker
 * needs. No code and no address: lock screens read along.
 *
 * @param publicUrl - Without a slash at its end.
 * @param topic - Replaces an earlier notification of the same challenge.
 */
export function notificationText(
  { challengeId, question, username, browserLabel, expiresAt, offers }: Notified,
  publicUrl: string,
  topic: string,
): Buffer {
  for (let bodyMax = BODY_MAX; ; bodyMax -= 10) {
    const notification = {
      title: plainText(question, TITLE_MAX),
      body: plainText(`${username}, ${browserLabel}`, bodyMax),
      navigate: `${publicUrl}/phone/#request=${challengeId}`,
      tag: topic,
    };
    const all = { web_push: 8030, notification, id: challengeId, until: expiresAt.toISOString(), offers };
    const text = Buffer.from(JSON.stringify(all));
    if (text.length <= PADDED_BYTES || bodyMax <= 0) return text; // a long address of ours leaves the body less
  }
}

/**
 * The text of a push that asks nothing: what happened to another phone of the account.
 *
 * @param publicUrl - Without a slash at its end.
 * @param topic - Replaces an earlier notice about the same.
 */
export function noticeText(
  { title, body }: { readonly title: string; readonly body: string },
  publicUrl: string,
  topic: string,
): Buffer {
  const notification = { title: plainText(title, BODY_MAX), body, navigate: `${publicUrl}/phone/`, tag: topic };
  return Buffer.from(JSON.stringify({ web_push: 8030, notification }));
}
