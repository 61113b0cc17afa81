import { randomUUID } from "node:crypto";

import { emailProblem, plainEmail } from "../../src/domain/email-address.js";
import { makeResetLink } from "../../src/domain/reset-password.js";
import { CannotBeDone, type Command, find } from "./command.js";

const NO_MAIL = "There is no mail server: set SMTP_URL and MAIL_FROM.";

/** What an operator does about messages. */
export const MAIL_COMMANDS: Readonly<Record<string, Command>> = {
  "user reset-link": {
    words: 1,
    run: async ({ deps }, _config, [name = ""]) => {
      const subscriber = await find(deps, name);
      if (deps.mail === null) throw new CannotBeDone(NO_MAIL);
      const token = await makeResetLink(deps, subscriber);
      if (token === null) throw new CannotBeDone(`${subscriber.username} is disabled.`);
      return {
        rows: [{ username: subscriber.username, link: deps.mail.linkUrl("reset", token) }],
        message: "The link works once. Whoever has it sets the password; the phone is asked as ever.",
      };
    },
  },
  "mail list": {
    words: 0,
    run: async ({ deps }) => {
      const troubled = await deps.mails.listTroubled(500);
      const rows = troubled.map(({ id, kind, recipient, state, tries, dueAt, createdAt, failure }) => ({
        ...{ id, kind, recipient, state, tries, createdAt, dueAt: state === "due" ? dueAt : null, failure },
      }));
      return { rows, message: rows.length === 0 ? "Every message was sent." : "" };
    },
  },
  "mail test": {
    words: 1,
    run: async ({ deps }, { rules: { appName } }, [address = ""]) => {
      if (deps.mail === null) throw new CannotBeDone(NO_MAIL);
      const to = plainEmail(address);
      if (emailProblem(to) !== null) throw new CannotBeDone(`"${address}" is no e-mail address.`);
      const text = `${appName} can send messages: this one was sent to try it.`;
      const mail = { id: randomUUID(), to, subject: `${appName}: a test`, text, html: "" };
      const delivery = await deps.mail.postman.send(mail);
      if (delivery.kind !== "sent") throw new CannotBeDone(`The message was not sent: ${delivery.reason}`);
      return { rows: [{ to }], message: "The mail server took the message." };
    },
  },
};
