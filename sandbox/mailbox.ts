import { SMTPServer } from "smtp-server";

import { readMessage } from "./mail-message.js";

const KEPT = 50;
const MAX_BYTES = 1_048_576;

/** A message that somebody sent, to whomever. */
export interface ReceivedMail {
  readonly id: number;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly at: string;
}

/** Takes every message that is sent to it on loopback, and delivers none of them: they are shown beside the phone. */
export class Mailbox {
  #mails: ReceivedMail[] = [];
  #count = 0;
  #server: SMTPServer;

  /** @param changed - Called after each message. */
  constructor(now: () => number, changed: () => void) {
    this.#server = new SMTPServer({
      authOptional: true,
      // Nobody signs a certificate for loopback.
      disabledCommands: ["AUTH", "STARTTLS"],
      size: MAX_BYTES,
      closeTimeout: 100,
      logger: false,
      onData: (stream, { envelope }, done) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          const { subject, text, html } = readMessage(Buffer.concat(chunks));
          const at = new Date(now()).toISOString();
          for (const { address: to } of envelope.rcptTo)
            this.#mails.unshift({ id: ++this.#count, to, subject, text, html, at });
          this.#mails = this.#mails.slice(0, KEPT);
          done();
          changed();
        });
      },
    });
    this.#server.on("error", () => undefined); // a client that was killed
  }

  /** The newest first. */
  list(): readonly ReceivedMail[] {
    return this.#mails;
  }

  /** @throws when the port is taken. */
  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
