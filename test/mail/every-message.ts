import type { AuditEvent } from "../../src/domain/audit.js";
import { type Language, LANGUAGES } from "../../src/domain/language.js";
import { LINKS, type MailKind, type ReadyMail } from "../../src/domain/mail.js";
import { linkUrl, mailComposer } from "../../src/mail/compose.js";
import { PSEUDO, textsWithPseudo } from "../kit/pseudo-language.js";

/** One message as somebody gets it. */
export interface EveryMessage extends ReadyMail {
  /** Its kind, and what is special about it. */
  readonly name: string;
}

const SITE = "https://login.example.com";
const TOKEN = "q3Zr0m1uJpX8yTn5Vb2KcWd7LfHsGa4EoRiQxUtNzYk";
const AT = new Date("2026-11-30T22:31:00Z");

const texts = { ...textsWithPseudo(), languages: [...LANGUAGES, PSEUDO] };
const compose = mailComposer("views/mail", texts, {
  ...{ appName: "Acme", publicUrl: SITE, resetTtlSeconds: 1800, verifyTtlSeconds: 86_400 },
});

/** What the message says besides what the event says. */
const DETAILS: Partial<Record<MailKind, string>> = {
  "recovery-codes-few": "3",
  "account-closed": new Date(AT.getTime() + 7 * 86_400_000).toISOString(),
};

/** Every kind of message in one language, those that an operator caused and long names among them. */
export function everyMessage(language: Language): EveryMessage[] {
  const kinds = Object.keys(LINKS) as MailKind[];
  return [
    ...kinds.map((kind) => message(kind, kind, language)),
    message("factor-removed by an operator", "factor-removed", language, {
      detail: "totp operator",
      address: "",
      browserLabel: "",
    }),
    message("factor-added, a phone of one's own", "factor-added", language, { detail: "phone" }),
    message("new-browser, long names", "new-browser", language, {
      browserLabel: "Samsung Internet on Chrome OS",
      address: "2001:db8:85a3:1234:5678:8a2e:1370:7334",
    }),
  ];
}

function message(name: string, kind: MailKind, language: Language, given: Partial<AuditEvent> = {}): EveryMessage {
  const event: AuditEvent = {
    ...{ kind: "signed-in", subscriberId: "s", at: AT, detail: "" },
    ...{ address: "203.0.113.9", browserLabel: "Firefox on Linux" },
    ...given,
  };
  const isGone = kind === "account-erased";
  const reader = { username: isGone ? "" : "greta.garbo", language, timeZone: "Europe/Berlin" };
  const mail = { id: "m", kind, recipient: "greta@example.com", detail: DETAILS[kind] ?? "" };
  const purpose = LINKS[kind];
  return { name, ...compose(mail, event, reader, purpose && linkUrl(SITE, purpose, TOKEN)) };
}
