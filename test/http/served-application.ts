import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { mock } from "node:test";
import Router from "@koa/router";
import type { DataSource } from "typeorm";

import { matchCode } from "../../src/domain/secrets.js";
import { loadConfig } from "../../src/config.js";
import { openDatabase } from "../../src/database/data-source.js";
import { databaseRows } from "../../src/database/rows.js";
import type { Language } from "../../src/domain/language.js";
import type { LinkPurpose } from "../../src/domain/mail.js";
import type { FactorProvider } from "../../src/domain/factor-provider.js";
import { createApp } from "../../src/http/app.js";
import type { HttpDeps } from "../../src/http/deps.js";
import { pushWords } from "../../src/http/push-words.js";
import type { Health } from "../../src/http/routes/health.js";
import { newTally } from "../../src/http/tally.js";
import { loadTexts } from "../../src/http/text.js";
import { nunjucksViews } from "../../src/http/views.js";
import { linkUrl, mailComposer } from "../../src/mail/compose.js";
import { smtpPostman } from "../../src/mail/smtp.js";
import { passwords } from "../../src/passwords/argon2.js";
import { authyCallbacks } from "../../src/providers/authy/callbacks.js";
import { passkeyProvider } from "../../src/providers/passkey/provider.js";
import { totpProvider } from "../../src/providers/totp/provider.js";
import { TEST_SETTINGS } from "../kit/environment.js";
import type { Owner } from "../kit/owner.js";

/** The key that signs cookies and form tokens here. */
export const KEY = "a key of this test";

/** The one site whose passkeys count here, unless the settings say another port. */
export const SITE = { origin: "http://localhost:3000", rpId: "localhost" };

/** The whole web application in the test's own process, over a database of its own. */
export interface ServedApplication {
  readonly origin: string;
  readonly deps: HttpDeps;
  readonly database: DataSource;
  /** The patterns of every address that takes POST, those of machines included. */
  readonly postRoutes: readonly string[];
  /** Gives an account a phone, which nobody answers, and one recovery code. */
  addPhone(username: string): Promise<void>;
  /** Gives an account an authenticator app, whose secret nobody has. @returns its id */
  addApp(username: string): Promise<string>;
}

interface Registers {
  register(pattern: string | readonly string[], methods: readonly string[]): unknown;
}

/** A provider that sends whatever it is given, and hears nothing from any phone. */
const SILENT_PROVIDER: FactorProvider = {
  asks: {
    send: () => Promise.resolve({ ref: randomUUID(), reach: "ringing" }),
    state: () => Promise.resolve("pending"),
  },
  judges: { verifyCode: () => Promise.resolve(null), sendTextMessage: () => Promise.resolve() },
  enrols: {
    show: ({ id }) => Promise.resolve({ qrText: `authy://account?token=${id}`, typed: null }),
    state: () => Promise.resolve({ state: "pending" }),
  },
  remove: () => Promise.resolve(),
};

/** Serves the application on a free port of loopback, with an SQLite file; Redis and limits by address are left out. */
export async function serveApplication(
  owner: Owner,
  more: Readonly<Record<string, string>> = {},
): Promise<ServedApplication> {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-served-"));
  const database = await openDatabase(`sqlite:${path.join(folder, "served.sqlite")}`);
  await database.runMigrations();
  const env = {
    AUTHY_APP_NAME: "Example",
    AUTHY_APP_ID: "1",
    AUTHY_PRODUCTION_API_KEY: "a key",
    TEXT_MESSAGES: "true",
    SMTP_URL: "smtp://127.0.0.1:9",
    MAIL_FROM: "Example <login@example.com>",
  };
  const config = loadConfig({ ...env, ...TEST_SETTINGS, LOOP_LAG_SHED_MS: "0", ...more }, () => [KEY]);
  const nothing = (): Promise<void> => Promise.resolve();
  const rows = databaseRows(database, config.mail !== null);
  const now = (): Date => new Date();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const texts = loadTexts(config.languages);
  const deps = {
    ...rows,
    tally: newTally(),
    pushWords: (language: Language | null) => pushWords(texts, language),
    ...{ now, log, settings: config.rules, http: config, texts },
    feed: { publish: () => undefined, changed: () => undefined },
    rings: { schedule: () => undefined },
    polls: { schedule: nothing, forget: () => undefined, noticeLoss: () => Promise.resolve(false) },
    providers: {
      "authy-push": SILENT_PROVIDER,
      ...(config.factors.includes("phone") && { phone: SILENT_PROVIDER }),
      ...(config.factors.includes("totp") && {
        totp: totpProvider({ ...rows, log, now, appName: "Example", secretKeys: [Buffer.alloc(32, KEY)] }),
      }),
      ...(config.factors.includes("passkey") && {
        passkey: passkeyProvider(
          { ...rows, log, now },
          { appName: "Example", sessionKeys: [KEY], origin: config.publicUrl, rpId: SITE.rpId },
        ),
      }),
    },
    mail: config.mail && {
      postman: smtpPostman(config.mail.server, config.mail.from, config.rules.mailSilenceSeconds),
      compose: mailComposer("views/mail", texts, { ...config.rules, publicUrl: config.publicUrl }),
      linkUrl: (purpose: LinkPurpose, token: string) => linkUrl(config.publicUrl, purpose, token),
    },
    matchCodes: (id: string) => [matchCode(KEY, id)],
    passwords: passwords(config.argon2TestStrength, config.limits.hashesQueued),
    views: nunjucksViews("Example", [KEY], texts, true, config.mail !== null),
    streams: { size: 0, open: nothing, tell: () => undefined, drain: () => undefined },
    rates: {
      ...{ loginsOfAddress: nothing, logins: nothing, registrationsOfAddress: nothing },
      ...{ statusOfChallenge: nothing, textMessages: nothing, mailsOfAddress: nothing, deviceCodes: nothing },
    },
    sessionsEnded: nothing,
  } satisfies HttpDeps;
  const health = { isOpen: () => true, isDraining: () => false } as unknown as Health;

  const registering = mock.method(Router.prototype as unknown as Registers, "register");
  const app = createApp(deps, health, config.authy === null ? [] : [authyCallbacks(deps, config.authy)]);
  registering.mock.restore();
  const server = app.listen(Number(more["PORT"] ?? 0), "127.0.0.1");
  await once(server, "listening");
  owner.after(async () => {
    server.close();
    server.closeAllConnections();
    deps.mail?.postman.close();
    if (database.isInitialized) await database.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    deps,
    database,
    postRoutes: [
      ...new Set(
        registering.mock.calls.flatMap(({ arguments: [pattern, methods] }) =>
          // What is registered with several patterns registers each of them.
          methods.includes("post") && typeof pattern === "string" ? pattern : [],
        ),
      ),
    ],
    async addApp(username) {
      const [id, subscriber] = [randomUUID(), await deps.subscribers.findByName(username)];
      const app = { id, providerId: id, type: "totp", label: "", createdAt: deps.now() } as const;
      await deps.factors.insert({ ...app, subscriberId: subscriber?.id ?? "" });
      return id;
    },
    async addPhone(username) {
      const subscriber = await deps.subscribers.findByName(username);
      if (subscriber === null) throw new Error(`nobody is called ${username}`);
      const ids = { id: randomUUID(), subscriberId: subscriber.id, providerId: randomUUID() };
      await deps.factors.insert({ ...ids, type: "authy-push", label: "", createdAt: deps.now() });
      await deps.recoveryCodes.replace(subscriber.id, ["a hash"], deps.now());
    },
  };
}
