import { isIP } from "node:net";

/** Where the mail server is, and how it is spoken to. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (`smtps://`). */
  readonly isEncrypted: boolean;
  /** Of the machine itself: nobody else can listen. */
  readonly isLoopback: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | null;
}

/** An address that cannot be used; the message is a sentence for the operator and never contains the address. */
export class WrongSmtpAddress extends Error {}

const UNREADABLE =
  "must be smtp://USER:PASSWORD@HOST:PORT or smtps://…; in a user name or password write # as %23, / as %2F, ? as %3F, @ as %40 and % as %25";

/**
 * Reads `smtp://[USER:PASSWORD@]HOST[:PORT]`, or the same with `smtps://`. User name and password are percent-encoded.
 *
 * @throws WrongSmtpAddress
 */
export function smtpAddress(text: string): MailServer {
  if (!/^smtps?:\/\/[^/?#\s]+\/?$/i.test(text) || !URL.canParse(text)) throw new WrongSmtpAddress(UNREADABLE);
  const url = new URL(text);
  const isEncrypted = url.protocol === "smtps:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host === "") throw new WrongSmtpAddress("names no host");
  const [user, pass] = [decoded(url.username), decoded(url.password)];
  if ((user === "") !== (pass === "")) throw new WrongSmtpAddress("has a user name without a password, or the reverse");
  return {
    host,
    port: url.port === "" ? (isEncrypted ? 465 : 587) : Number(url.port),
    isEncrypted,
    isLoopback: host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127.")),
    auth: user === "" ? null : { user, pass },
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new WrongSmtpAddress(UNREADABLE);
  }
}

/** Who our messages are from. */
export interface Sender {
  readonly name: string;
  readonly address: string;
}

/** @returns what `Name <address>` or an address alone says; null for anything else. */
export function senderIn(text: string): Sender | null {
  const found = /^(?:([^<>\p{Cc}]*)<)?([^\s<>@,;:"()]+@[^\s<>@,;:"()]+?)(>?)$/u.exec(text.trim());
  if (found === null) return null;
  const [, name, address = "", end] = found;
  if ((name === undefined) !== (end === "")) return null;
  return { name: (name ?? "").trim().replace(/^"(.*)"$/, "$1"), address };
}
