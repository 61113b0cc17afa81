import type { DataSource } from "typeorm";

import type { Deps, Rows } from "../domain/deps.js";
import { accountRows } from "./account-rows.js";
import { applications } from "./applications.js";
import { attempts } from "./attempts.js";
import { audit } from "./audit.js";
import { browsers } from "./browsers.js";
import { challenges } from "./challenges.js";
import { clients, clientSecrets } from "./clients.js";
import { enrolments } from "./enrolments.js";
import { orDatabaseAway } from "./errors.js";
import { factors } from "./factors.js";
import { links } from "./links.js";
import { mails } from "./mails.js";
import { resetRequests } from "./reset-requests.js";
import { failures } from "./failures.js";
import { gate } from "./gate.js";
import { memberships } from "./memberships.js";
import { logoutNotices } from "./logout-notices.js";
import { oidcRecords } from "./oidc-records.js";
import { passkeys } from "./passkeys.js";
import { phoneKeys } from "./phone-keys.js";
import { pushSubscriptions } from "./push-subscriptions.js";
import { receipts } from "./receipts.js";
import { recoveryCodes } from "./recovery-codes.js";
import type { RowSource } from "./schema.js";
import { sessions } from "./sessions.js";
import { sites } from "./sites.js";
import { signingKeys } from "./signing-keys.js";
import { subscribers } from "./subscribers.js";
import { totpSecrets } from "./totp-secrets.js";

/**
 * Every noun's rows, read and written through one source: the database, or one transaction of it.
 *
 * @param isOutbox - Whether the history is an outbox, too: whether there is a mail server.
 */
export function rowsIn(source: RowSource, isOutbox = false) {
  return {
    subscribers: subscribers(source),
    factors: factors(source),
    totpSecrets: totpSecrets(source),
    passkeys: passkeys(source),
    enrolments: enrolments(source),
    attempts: attempts(source),
    challenges: challenges(source),
    sessions: sessions(source),
    browsers: browsers(source),
    recoveryCodes: recoveryCodes(source),
    receipts: receipts(source),
    phoneKeys: phoneKeys(source),
    pushSubscriptions: pushSubscriptions(source),
    clients: clients(source),
    clientSecrets: clientSecrets(source),
    signingKeys: signingKeys(source),
    oidcRecords: oidcRecords(source),
    logoutNotices: logoutNotices(source),
    failures: failures(source),
    audit: audit(source, isOutbox),
    applications: applications(source),
    sites: sites(source),
    memberships: memberships(source),
    mails: mails(source),
    links: links(source),
    resetRequests: resetRequests(source),
    gate: gate(source),
    accountRows: accountRows(source),
  } satisfies Rows;
}

/** The rows of the whole database and the transactions over them; all of it throws DatabaseAway while that cannot be used. */
export function databaseRows(
  database: DataSource,
  isOutbox = false,
): ReturnType<typeof rowsIn> & Pick<Deps, "transaction"> {
  const rows = Object.entries(rowsIn(database.manager, isOutbox)).map(
    ([noun, methods]) => [noun, guarded(methods)] as const,
  );
  return {
    ...(Object.fromEntries(rows) as ReturnType<typeof rowsIn>),
    // Inside, errors keep the drivers' words: by them a transaction that met a busy database is run again.
    transaction: (work) =>
      orDatabaseAway(() => database.manager.transaction((manager) => work(rowsIn(manager, isOutbox)))),
  };
}

type Method = (...given: unknown[]) => Promise<unknown>;

function guarded(methods: object): object {
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      (...given: unknown[]) => orDatabaseAway(() => (method as Method).apply(methods, given)),
    ]),
  );
}
