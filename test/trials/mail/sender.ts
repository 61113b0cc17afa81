import { setTimeout as wait } from "node:timers/promises";

import { openDatabase } from "../../../src/database/data-source.js";
import { databaseRows } from "../../../src/database/rows.js";
import { sendDueMails } from "../../../src/domain/send-mails.js";
import { loadConfig } from "../../../src/config.js";
import { loadTexts } from "../../../src/http/text.js";
import { senderIn, smtpAddress } from "../../../src/mail/address.js";
import { linkUrl, mailComposer } from "../../../src/mail/compose.js";
import { smtpPostman } from "../../../src/mail/smtp.js";

const PUBLIC_URL = "http://localhost:3000";
const EVERY_MS = 50;

/** A worker's part that sends messages, alone; it goes on until it dies. */
export function newSender(databaseUrl: string, smtpUrl: string): { die(): Promise<void> } {
  const death = new AbortController();
  const isDead = (): boolean => death.signal.aborted;
  const run = (async () => {
    const database = await openDatabase(databaseUrl);
    const rows = databaseRows(database, true);
    const env = { FACTORS: "totp", MAIL_SILENCE_SECONDS: "1", MAIL_RETRY_SECONDS: "1" };
    const { rules } = loadConfig(env, () => ["a key of this test"]);
    const from = senderIn("login@example.com");
    if (from === null) throw new Error("nobody sends");
    const postman = smtpPostman(smtpAddress(smtpUrl), from, rules.mailSilenceSeconds);
    const deps = {
      ...rows,
      // What is dead writes nothing: the message may have gone out, and its row says that it is due.
      mails: {
        ...rows.mails,
        settle: (...given: Parameters<typeof rows.mails.settle>) =>
          isDead() ? Promise.resolve() : rows.mails.settle(...given),
        postpone: (...given: Parameters<typeof rows.mails.postpone>) =>
          isDead() ? Promise.resolve() : rows.mails.postpone(...given),
      },
      settings: rules,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => new Date(),
      mail: {
        postman,
        compose: mailComposer("views/mail", loadTexts(["en"]), { ...rules, publicUrl: PUBLIC_URL }),
        linkUrl: (...given: [Parameters<typeof linkUrl>[1], string]) => linkUrl(PUBLIC_URL, ...given),
      },
    };
    while (!isDead()) {
      await sendDueMails(deps, isDead).catch(() => undefined); // the database may be busy
      await wait(EVERY_MS);
    }
    postman.close();
    await database.destroy();
  })();
  return {
    die() {
      death.abort();
      return run;
    },
  };
}

const [, program = "", databaseUrl, smtpUrl] = process.argv;
if (program === import.meta.filename && databaseUrl !== undefined && smtpUrl !== undefined)
  newSender(databaseUrl, smtpUrl);
