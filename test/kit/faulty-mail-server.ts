import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";

import { type MailMessage, readMessage } from "../../sandbox/mail-message.js";
import type { Owner } from "./owner.js";

/** What goes wrong with every conversation from now on; `well` is none of it. */
export type MailFault = (typeof MAIL_FAULTS)[number] | "well";

export const MAIL_FAULTS = [
  "away",
  "refuses-greeting",
  "silent",
  "trickles",
  "nonsense",
  "refuses-sender",
  "defers-recipient",
  "defers-message",
  "refuses-recipient",
  "refuses-message",
  "drops-before-data",
  "drops-after-data",
  "stands-still-after-data",
  "trickles-after-data",
] as const;

/** The faults that concern a message, and not the server: it is given up. */
export const FINAL_FAULTS: readonly MailFault[] = ["refuses-recipient", "refuses-message"];

/** An SMTP server of a few lines, since no library misbehaves on request. */
export interface FaultyMailServer {
  readonly url: string;
  fault: MailFault;
  /** Every message whose last byte has arrived, whatever was answered. */
  readonly arrived: readonly MailMessage[];
}

/** Starts the server on loopback; it ends with its owner. */
export async function startFaultyMailServer(owner: Owner): Promise<FaultyMailServer> {
  const arrived: MailMessage[] = [];
  const sockets = new Set<Socket>();
  const state: FaultyMailServer = { url: "", fault: "well", arrived };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined); // a client that was killed
    converse(
      socket,
      () => state.fault,
      (raw) => arrived.push(readMessage(raw)),
    );
  });
  const port = await listening(server);
  owner.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return Object.assign(state, { url: `smtp://127.0.0.1:${port}` });
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function converse(socket: Socket, fault: () => MailFault, keep: (raw: Buffer) => void): void {
  const say = (line: string): void => {
    if (socket.writable) socket.write(`${line}\r\n`, "latin1");
  };
  let data: string | null = null;
  let rest = "";

  function greet(): void {
    switch (fault()) {
      case "away":
        socket.destroy();
        return;
      case "refuses-greeting":
        say("554 no service here");
        socket.end();
        return;
      case "silent":
        return;
      case "nonsense":
        say("HTTP/1.1 400 Bad Request");
        return;
      case "trickles":
        trickle(socket);
        return;
      default:
        say("220 mail.example.com ESMTP");
    }
  }

  function command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === "EHLO" || verb === "HELO") say("250-mail.example.com\r\n250 8BITMIME");
    else if (verb === "MAIL") say(fault() === "refuses-sender" ? "550 not from you" : "250 ok");
    else if (verb === "RCPT") {
      if (fault() === "refuses-recipient") say("550 no such mailbox");
      else say(fault() === "defers-recipient" ? "450 later" : "250 ok");
    } else if (verb === "DATA") {
      if (fault() === "drops-before-data") socket.destroy();
      else {
        say("354 go on");
        data = "";
      }
    } else if (verb === "QUIT") {
      say("221 bye");
      socket.end();
    } else say("250 ok");
  }

  function finishData(text: string): void {
    const now = fault();
    if (now === "defers-message") say("451 later");
    else if (now === "refuses-message") say("554 not this one");
    else {
      keep(Buffer.from(text.replace(/^\.\./gm, "."), "latin1"));
      if (now === "drops-after-data") socket.destroy();
      else if (now === "trickles-after-data") trickle(socket);
      else if (now !== "stands-still-after-data") say("250 kept");
    }
  }

  socket.on("data", (chunk) => {
    rest += chunk.toString("latin1");
    for (;;) {
      if (data !== null) {
        const end = /(^|\r\n)\.\r\n/.exec(rest);
        if (end === null) return;
        const text = rest.slice(0, end.index + 2);
        rest = rest.slice(end.index + end[0].length);
        data = null;
        finishData(text);
      } else {
        const end = rest.indexOf("\r\n");
        if (end < 0) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        command(line);
      }
    }
  });
  greet();
}

/** One byte now and then, and never the end of a line: a silence that no time-out of a socket notices. */
function trickle(socket: Socket): void {
  const timer = setInterval(() => socket.write("2"), 100);
  socket.on("close", () => {
    clearInterval(timer);
  });
}
