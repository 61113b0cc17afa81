import nunjucks from "nunjucks";

import type english from "../../views/text/en.json";
import type { AuditEvent } from "../domain/audit.js";
import { directionOf, type Language, localeOf } from "../domain/language.js";
import { type ComposeMail, LINKS, type LinkPurpose, type MailKind } from "../domain/mail.js";

type MailTextKey = Extract<keyof typeof english, `mail.${string}` | `device.${string}`>;

/** One language's sentences. */
type Words = (key: MailTextKey, values?: Readonly<Record<string, string | number>>) => string;

/** The words of every language; an account without one reads the first. */
export interface MailTexts {
  readonly languages: readonly Language[];
  of(language: Language | null): Words;
  /** A browser as rows keep it, "Firefox on Linux". */
  browser(language: Language, label: string): string;
}

export interface ComposeSettings {
  readonly appName: string;
  readonly publicUrl: string;
  readonly resetTtlSeconds: number;
  readonly verifyTtlSeconds: number;
}

const COLUMNS = 76;
const WHEN = {
  ...({ day: "numeric", month: "long", year: "numeric" } as const),
  ...({ hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" } as const),
};

/** The pages that links lead to. */
const PATHS: Readonly<Record<LinkPurpose, string>> = {
  reset: "/password/reset/",
  verify: "/account/email/verify/",
  undo: "/account/email/undo/",
  "not-me": "/not-me/",
};

/** The address that stands in a message. */
export function linkUrl(publicUrl: string, purpose: LinkPurpose, token: string): string {
  return `${publicUrl}${PATHS[purpose]}${token}`;
}

/** Those that ask the reader for something, and for nothing where it was not the reader who wanted it. */
const ASKING = new Set<MailKind>(["welcome", "confirm-address", "reset"]);

/**
 * Puts messages into words, as text and as HTML of the same words: no picture, and no link but the one.
 *
 * @param folder - Where the templates are: `message.txt.njk` and `message.html.njk`.
 */
export function mailComposer(folder: string, texts: MailTexts, settings: ComposeSettings): ComposeMail {
  const { appName: app, publicUrl } = settings;
  const loader = new nunjucks.FileSystemLoader(folder);
  const asHtml = new nunjucks.Environment(loader, { autoescape: true, throwOnUndefined: true });
  const asText = new nunjucks.Environment(loader, { autoescape: false, throwOnUndefined: true });
  asText.addFilter("wrap", (text: string) => wrapped(text, COLUMNS));

  /** How long the link works, in the largest unit that divides it. */
  function life(words: Words, purpose: LinkPurpose): string {
    if (purpose === "undo" || purpose === "not-me") return words("mail.life-days", { days: 7 });
    const minutes = Math.ceil((purpose === "reset" ? settings.resetTtlSeconds : settings.verifyTtlSeconds) / 60);
    return minutes % 60 === 0
      ? words("mail.life-hours", { hours: minutes / 60 })
      : words("mail.life-minutes", { minutes });
  }

  function facts(
    words: Words,
    language: Language,
    when: (at: Date) => string,
    { at, browserLabel, address, detail }: AuditEvent,
  ): { name: string; value: string }[] {
    const browser = browserLabel === "" ? "" : texts.browser(language, browserLabel);
    const [first = "", second] = [browser, address].filter((part) => part !== "");
    const where = second === undefined ? first : words("mail.where-both", { browser: first, address: second });
    return [
      { name: words("mail.when"), value: when(at) },
      ...(where === "" ? [] : [{ name: words("mail.where"), value: where }]),
      ...(detail.split(" ").includes("operator")
        ? [{ name: words("mail.who"), value: words("mail.operator", { app }) }]
        : []),
    ];
  }

  return function compose({ id, kind, recipient, detail }, event, { username, language: wanted, timeZone }, link) {
    const language = texts.languages.find((each) => each === wanted) ?? texts.languages[0] ?? "en";
    const direction = directionOf(language);
    const words = direction === "rtl" ? apart(texts.of(language)) : texts.of(language);
    const clock = clockOf(language, timeZone);
    const when = (at: Date): string => clock.format(at);
    const purpose = link === null ? null : LINKS[kind];
    const until = kind === "account-closed" ? when(new Date(detail)) : "";
    const device = words(deviceOf(event.detail));
    const values = { app, username, device, left: detail, address: recipient, until };
    const parts = {
      ...{ app, language, direction },
      site: publicUrl,
      subject: texts.of(language)(`mail.${kind}.subject`, values),
      greeting: username === "" ? words("mail.greeting-nobody") : words("mail.greeting", { username }),
      what: words(`mail.${kind}.what`, values),
      facts: facts(words, language, when, event),
      next: purpose === null ? words("mail.no-link") : words(`mail.${purpose}.next`),
      link: link ?? "",
      label: purpose === null ? "" : words(`mail.${purpose}.label`),
      life: purpose === null ? "" : life(words, purpose),
      otherwise: ASKING.has(kind) ? words("mail.otherwise") : "",
      sender: words("mail.sender", { app, site: publicUrl }),
    };
    return {
      id,
      to: recipient,
      subject: parts.subject,
      text: asText.render("message.txt.njk", parts),
      html: asHtml.render("message.html.njk", parts),
    };
  };
}

/** L3: sets what is filled in apart from the direction of the words around it, by marks that nobody sees. */
function apart(words: Words): Words {
  return (key, values = {}) => {
    const entries = Object.entries(values).map(([name, value]) => [name, isolated(value)]);
    return words(key, Object.fromEntries(entries) as typeof values);
  };
}

/** Of a name its first letter says the direction; words of ours that begin with a name go on as the language does. */
function isolated(value: string | number): string | number {
  if (typeof value !== "string" || value === "") return value;
  return `${/\p{Script=Arabic}/u.test(value) ? "\u2067" : "\u2068"}${value}\u2069`;
}

/** In UTC where the reader's zone is not known, to us or to this machine. */
function clockOf(language: Language, timeZone: string | null): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(localeOf(language), { ...WHEN, timeZone: timeZone ?? "UTC" });
  } catch {
    return clockOf(language, null);
  }
}

/** What an event about a factor is about: of other types than Authy's phone its detail begins with the type. */
function deviceOf(detail: string): MailTextKey {
  const words = detail.split(" ");
  if (words.includes("totp")) return "device.totp";
  if (words.includes("passkey")) return "device.passkey";
  return words.includes("phone") ? "device.phone" : "device.authy-push";
}

/** Breaks a paragraph into lines of so many columns; a longer word stands alone. */
export function wrapped(text: string, columns: number): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
