import { createTransport } from "nodemailer";
import SMTPConnection from "nodemailer/lib/smtp-connection";

import type { Delivery, Postman } from "../domain/mail.js";
import type { MailServer, Sender } from "./address.js";

const CONNECTIONS = 5;
const REASON_MAX = 200;

/** How a message that could not be sent is told of: nodemailer's own fields. */
interface SmtpError {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly responseCode?: unknown;
  readonly response?: unknown;
  readonly message?: unknown;
}

/**
 * The way to a mail server, over a few connections that stay open. STARTTLS is required, except by a server on this very
 * machine, whose certificate nobody signs.
 *
 * @param silenceSeconds - How long the server may take to greet, and be silent. A conversation ends after twice as long in
 *   any case: a server that trickles its answers is never silent.
 */
export function smtpPostman(server: MailServer, from: Sender, silenceSeconds: number): Postman {
  const silenceMs = silenceSeconds * 1000;
  const options = optionsOf(server, silenceMs);
  // Everything in one object: options beside an address would be passed over.
  const transport = createTransport({
    ...options,
    pool: true,
    maxConnections: CONNECTIONS,
    // A message whose connection was closed comes again when its row is due.
    maxRequeues: 0,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  transport.on("error", () => undefined); // of connections that nobody waits for
  return {
    async send({ id, to, subject, text, html }) {
      try {
        // Of an address with such letters the library would send the bytes to any server.
        if (/[^\x20-\x7e]/.test(to.split("@")[0] ?? "") && !(await takesAllLetters(options)))
          return { kind: "refused", reason: NO_SMTPUTF8 };
        await transport.sendMail({
          from: { name: from.name, address: from.address },
          // As an object: a text would be taken apart into several addresses.
          to: { name: "", address: to },
          messageId: messageId(id, from),
          subject: oneLine(subject),
          headers: { "Auto-Submitted": "auto-generated" },
          text,
          ...(html === "" ? {} : { html }),
          signal: AbortSignal.timeout(2 * silenceMs),
        });
        return { kind: "sent" };
      } catch (error) {
        return failed(error ?? {});
      }
    },
    close() {
      transport.close({ force: true });
    },
  };
}

function optionsOf(server: MailServer, silenceMs: number) {
  return {
    host: server.host,
    port: server.port,
    secure: server.isEncrypted,
    ...(server.isLoopback ? { ignoreTLS: true } : { requireTLS: true }),
    ...(server.auth === null ? {} : { auth: server.auth }),
    connectionTimeout: silenceMs,
    greetingTimeout: silenceMs,
    socketTimeout: silenceMs,
    dnsTimeout: silenceMs,
  };
}

/**
 * Asks a mail server for everything that comes before a message: whether it is there, speaks TLS, and takes our name and
 * password.
 *
 * @throws with what the server said.
 */
export async function tryMailServer(server: MailServer, silenceSeconds: number): Promise<void> {
  const transport = createTransport({ ...optionsOf(server, silenceSeconds * 1000) });
  try {
    await transport.verify();
  } catch (error) {
    const delivery = failed(error ?? {});
    throw new Error(delivery.kind === "sent" ? "" : delivery.reason, { cause: error });
  } finally {
    transport.close();
  }
}

const NO_SMTPUTF8 = "the mail server does not offer SMTPUTF8, which an address with such letters needs";

/** Asks the server once more who it is: what it offers is not told by the library, but for this field. @throws SmtpError */
function takesAllLetters(options: ConstructorParameters<typeof SMTPConnection>[0]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const connection = new SMTPConnection(options);
    connection.once("error", reject);
    connection.once("end", () => reject(new Error("Connection closed")));
    connection.connect((error) => {
      if (error) return;
      const { _supportedExtensions: offered } = connection as unknown as { _supportedExtensions: readonly string[] };
      resolve(offered.includes("SMTPUTF8"));
      connection.quit();
    });
  });
}

/** The same for each try, so that a second copy is recognised as one. */
export function messageId(id: string, { address }: Sender): string {
  return `<${id}@${address.split("@")[1] ?? "localhost"}>`;
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}

/**
 * Final is only what the server says about this recipient or this message: a refused greeting, sign-in or sender concerns all
 * messages.
 */
function failed({ code, command, responseCode, response, message }: SmtpError): Delivery {
  const said = oneLine(String(typeof response === "string" ? response : message)).slice(0, REASON_MAX);
  const isAboutMessage = command === "RCPT TO" || command === "DATA";
  if (isAboutMessage && typeof responseCode === "number" && responseCode >= 500 && responseCode < 600)
    return { kind: "refused", reason: said };
  // An address that no server could take is as final as one that this server refuses.
  if (code === "EENVELOPE" && command === "API") return { kind: "refused", reason: said };
  return { kind: "later", reason: `${typeof code === "string" ? code : "unknown"}: ${said}`.slice(0, REASON_MAX) };
}
