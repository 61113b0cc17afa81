import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

import { type MailMessage, readMessage } from "../../sandbox/mail-message.js";
import type { Owner } from "./owner.js";
import { until } from "./until.js";

/** A message that the server said it has. */
export interface Received extends MailMessage {
  readonly to: string;
  readonly messageId: string;
}

/** A real SMTP server on loopback. */
export interface MailServer {
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
  /** Waits for a message to that address, and gives the newest whose subject matches. */
  mailTo(address: string, subject?: RegExp): Promise<Received>;
  /** Every message to that address so far. */
  allTo(address: string): Received[];
}

/** What stands for the settings of a program that sends its messages there. */
export function mailSettings({ url }: Pick<MailServer, "url">): Record<string, string> {
  return { SMTP_URL: url, MAIL_FROM: "Example <login@example.com>", MAIL_RETRY_SECONDS: "1" };
}

/** Starts the server; it ends with its owner. @param more - How it misbehaves. */
export async function startMailServer(owner: Owner, more: SMTPServerOptions = {}): Promise<MailServer> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    logger: false,
    closeTimeout: 100,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const message = readMessage(Buffer.concat(chunks));
        for (const { address } of session.envelope.rcptTo)
          received.push({ ...message, to: address, messageId: message.headers["message-id"] ?? "" });
        done();
      });
    },
    ...more,
  });
  server.on("error", () => undefined); // a client that was killed
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  owner.after(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  const allTo = (address: string): Received[] => received.filter(({ to }) => to === address);
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    received,
    allTo,
    async mailTo(address, subject = /./) {
      const find = (): Received | undefined => allTo(address).findLast((mail) => subject.test(mail.subject));
      await until(() => find() !== undefined, `a message to ${address}`);
      return find()!;
    },
  };
}

/** The one link of ours in a message, as a path. */
export function linkIn({ text }: Pick<MailMessage, "text">): string {
  return new URL(/https?:\/\/\S+\/[\w-]{43}(?=\s)/.exec(text)?.[0] ?? "http://none.invalid/none").pathname;
}
