import { createECDH, randomBytes } from "node:crypto";

import { type Command, WrongUse } from "./command.js";

/** The kinds of keys that stand in settings: which one, how a new one is made, and when a former one may go. */
const KINDS: Readonly<Record<string, { variable: string; make: () => string; until: string }>> = {
  session: {
    variable: "SESSION_KEYS",
    make: () => randomBytes(32).toString("base64url"),
    until: "until the longest session has ended (REMEMBER_DAYS)",
  },
  secret: {
    variable: "SECRET_KEYS",
    make: () => randomBytes(32).toString("base64url"),
    until: "for as long as an authenticator app that was added under them is in use",
  },
  push: {
    variable: "VAPID_KEYS",
    make: () => {
      const pair = createECDH("prime256v1");
      pair.generateKeys();
      return Buffer.from(pair.getPrivateKey("hex").padStart(64, "0"), "hex").toString("base64url");
    },
    until: "until every phone has opened its page once",
  },
};

/** Keys that an operator keeps in settings. */
export const KEY_COMMANDS: Readonly<Record<string, Command>> = {
  "keys make": {
    words: 1,
    run: (_services, _config, [kind = ""]) => {
      const made = KINDS[kind];
      if (made === undefined) throw new WrongUse("keys make session, secret or push.");
      const { variable, make, until } = made;
      const message = `Put it before the former ones in ${variable}, restart web and worker, and keep the former ones ${until}.`;
      return Promise.resolve({ rows: [{ variable, key: make() }], message });
    },
  },
};
