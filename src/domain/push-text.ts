import type { Attempt } from "./attempt.js";
import type { PushWords } from "./deps.js";
import type { Factor } from "./factor.js";
import type { Push } from "./factor-provider.js";

/** What Authy takes is not published; its client libraries refuse more. */
const MESSAGE_MAX = 144;
const DETAIL_MAX = 100;

/** Plain text for a phone: no control or bidirectional characters, nothing longer than it can show. */
export function plainText(text: string, max = DETAIL_MAX): string {
  const plain = text
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return Array.from(plain).slice(0, max).join("");
}

/**
 * What the phone shows: who, from where, with which browser, when, for what, and the code where one is asked.
 *
 * @param named - The factor that the act is about.
 */
export function pushText(
  words: PushWords,
  attempt: Pick<Attempt, "purpose" | "address" | "browserLabel" | "application">,
  username: string,
  appName: string,
  now: Date,
  matchCode: string | null,
  named: Factor | null = null,
): Pick<Push, "message" | "details"> {
  const details: Record<string, string> = {
    Account: plainText(username),
    From: plainText(attempt.address),
    Browser: plainText(words.browser(attempt.browserLabel)),
    Time: plainText(words.time(now)),
  };
  const { purpose, application } = attempt;
  if (application !== null) details["Application"] = plainText(application);
  if (purpose !== "sign-in") details["Action"] = plainText(words.action(purpose, application ?? named));
  if (matchCode !== null) details["Code"] = matchCode;
  const message = words.question(attempt.purpose, plainText(appName, 60));
  return { message: plainText(message, MESSAGE_MAX), details };
}
