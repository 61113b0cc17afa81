import { In, type ObjectLiteral } from "typeorm";

import type { AccountRows } from "../domain/close-account.js";
import { ASKED_FOR } from "../domain/mail.js";
import type { AuditRow, FactorRow, MailRow, RowSource } from "./schema.js";

/** Rows that are about one account. */
interface Holding {
  /** What the export calls them. */
  readonly name: string;
  readonly entity: string;
  /** Which rows are those of the account `:id`. */
  readonly where: string;
  /** What the export shows of each: no hash, no key, and nothing that opens anything. */
  readonly shown: readonly string[];
}

const OWN = "subscriber_id = :id";
const OF_FACTOR = `IN (SELECT f.id FROM factors f WHERE f.${OWN} UNION SELECT e.id FROM enrolments e WHERE e.${OWN})`;

/** All that hangs on an account, what hangs on something else of it before that. */
export const HOLDINGS: readonly Holding[] = [
  {
    name: "authenticatorApps",
    entity: "totpSecret",
    where: `factor_id ${OF_FACTOR}`,
    shown: ["factorId", "createdAt"],
  },
  {
    name: "passkeys",
    entity: "passkey",
    where: `factor_id ${OF_FACTOR}`,
    shown: ["factorId", "credentialId", "transports", "canBeBackedUp", "isBackedUp", "createdAt"],
  },
  { name: "passkeyNames", entity: "passkeyUser", where: OWN, shown: ["handle", "createdAt"] },
  {
    name: "phones",
    entity: "phoneKey",
    where: `id ${OF_FACTOR}`,
    shown: ["id", "spki", "label", "address", "createdAt"],
  },
  {
    name: "notifiedPhones",
    entity: "pushSubscription",
    where: `factor_id ${OF_FACTOR}`,
    shown: ["factorId", "createdAt"],
  },
  {
    name: "enrolments",
    entity: "enrolment",
    where: OWN,
    shown: ["id", "type", "replacesFactor", "state", "createdAt", "expiresAt", "settledAt", "settledBy"],
  },
  {
    name: "attemptKeys",
    entity: "attemptKey",
    where: `attempt_id IN (SELECT a.id FROM attempts a WHERE a.${OWN})`,
    shown: ["attemptId"],
  },
  {
    name: "attempts",
    entity: "attempt",
    where: OWN,
    shown: [
      ...["id", "purpose", "sessionId", "isKnownBrowser", "asksMatchCode", "browserLabel", "address", "next"],
      ...["remember", "tries", "state", "createdAt", "expiresAt", "spentAt", "wasTexted", "application"],
    ],
  },
  {
    name: "requests",
    entity: "challenge",
    where: OWN,
    shown: [
      ...[
        "id",
        "attemptId",
        "factorType",
        "factorId",
        "isKnownBrowser",
        "providerId",
        "state",
        "failure",
        "reach",
        "language",
        "namedLabel",
      ],
      ...["createdAt", "expiresAt", "settledAt", "settledBy", "answeredBy", "consumedAt", "personAskedAt"],
    ],
  },
  {
    name: "sessions",
    entity: "session",
    where: OWN,
    shown: [
      ...["id", "level", "browserLabel", "address", "challengeId", "isRemembered", "passwordAt", "createdAt", "seenAt"],
      ...["idleUntil", "expiresAt", "endedAt", "signInId", "methods", "authenticatedAt"],
    ],
  },
  {
    name: "knownBrowsers",
    entity: "browser",
    where: OWN,
    shown: ["id", "label", "address", "firstSeenAt", "lastSeenAt"],
  },
  { name: "recoveryCodes", entity: "recoveryCode", where: OWN, shown: ["id", "usedAt", "createdAt"] },
  {
    name: "openIdConnect",
    entity: "oidcRecord",
    where: OWN,
    shown: ["model", "clientId", "signInId", "outlives", "createdAt", "expiresAt", "consumedAt", "refused"],
  },
  {
    name: "waysToSites",
    entity: "gateTicket",
    where: OWN,
    shown: ["applicationId", "signInId", "expiresAt", "usedAt"],
  },
  { name: "openedSites", entity: "gateSession", where: OWN, shown: ["applicationId", "signInId", "createdAt"] },
  { name: "groups", entity: "membership", where: OWN, shown: ["groupName", "createdAt"] },
  {
    name: "links",
    entity: "link",
    where: OWN,
    shown: ["purpose", "address", "createdAt", "expiresAt", "usedAt"],
  },
  {
    name: "messages",
    entity: "mail",
    where: OWN,
    shown: ["kind", "recipient", "detail", "state", "tries", "dueAt", "createdAt", "settledAt", "failure"],
  },
  {
    name: "resetRequests",
    entity: "resetRequest",
    where:
      "lower(typed) IN (SELECT u.username_key FROM subscribers u WHERE u.id = :id UNION SELECT lower(u.email) FROM subscribers u WHERE u.id = :id)",
    shown: ["typed", "address", "browserLabel", "at"],
  },
  {
    name: "answersOfAuthy",
    entity: "receipt",
    where: `authy_id IN (SELECT f.authy_id FROM factors f WHERE f.${OWN})`,
    shown: ["providerRef", "providerId", "status", "receivedAt"],
  },
  {
    name: "failedTries",
    entity: "failure",
    where: `bucket IN (SELECT 'name:' || u.username_key FROM subscribers u WHERE u.id = :id UNION SELECT 'code:' || u.id FROM subscribers u WHERE u.id = :id
      UNION SELECT 'browser:' || b.id FROM browsers b WHERE b.${OWN} UNION SELECT 'session:' || s.id FROM sessions s WHERE s.${OWN})`,
    shown: ["bucket", "count", "lastAt"],
  },
  {
    name: "factors",
    entity: "factor",
    where: OWN,
    shown: [
      ...["id", "type", "providerId", "label", "state", "isPreferred", "createdAt", "lastUsedAt", "removedAt"],
      ...["removedUpstreamAt", "replacesId", "provedAt"],
    ],
  },
  {
    name: "signOutNotices",
    entity: "logoutNotice",
    where: OWN,
    shown: ["clientId", "signInId", "state", "tries", "createdAt", "nextTryAt"],
  },
  {
    name: "history",
    entity: "audit",
    where: OWN,
    shown: ["kind", "exactKind", "at", "address", "browserLabel", "detail"],
  },
  {
    name: "account",
    entity: "subscriber",
    where: "id = :id",
    shown: [
      ...["id", "username", "email", "pendingEmail", "mustChangePassword", "pushFrozenUntil", "lastSuccessAt"],
      ...[
        "strangersSuccessAt",
        "emailVerifiedAt",
        "disabledAt",
        "closedAt",
        "moveRestsUntil",
        "language",
        "timeZone",
        "createdAt",
      ],
    ],
  },
];

/** Those that outlive the account for a while, under an id of their own. */
const KEPT_FOR_OTHERS = new Set(["mail", "factor", "logoutNotice", "audit"]);
/** The type of factor of which somebody else keeps something, too. */
const KEPT_ELSEWHERE = "authy-push";
/** Their detail is a name that somebody chose. */
const NAMING = ["notifications-ended", "group-joined", "group-left"];

/** All rows about one account, of every noun. */
export function accountRows(database: RowSource): AccountRows {
  const rows = (entity: string) => database.getRepository<ObjectLiteral>(entity);
  const remove = (entity: string, where: string, values: ObjectLiteral) =>
    rows(entity).createQueryBuilder().delete().where(where, values).execute();

  return {
    async read(id) {
      const found = await Promise.all(
        HOLDINGS.map(async ({ name, entity, where, shown }) => {
          const these = rows(entity);
          // TypeORM tells rows apart by their keys alone.
          const keys = these.metadata.primaryColumns.map(({ propertyName }) => propertyName);
          const selected = [...new Set([...keys, ...shown])].map((column) => `it.${column}`);
          const all = await these.createQueryBuilder("it").select(selected).where(where, { id }).getMany();
          return [name, all.map((row) => Object.fromEntries(shown.map((column) => [column, row[column]])))] as const;
        }),
      );
      return Object.fromEntries(found.toReversed());
    },
    async erase(id, historyId, at) {
      // What is owed to the person stays until it was sent; what only a link makes worth sending does not.
      await remove("mail", `${OWN} AND (state <> 'due' OR kind IN (:...linked))`, { id, linked: ASKED_FOR });
      await database.getRepository<MailRow>("mail").update({ subscriberId: id }, { subscriberId: historyId });
      await database
        .getRepository<AuditRow>("audit")
        .update({ subscriberId: id, exactKind: In(NAMING) }, { detail: "" });
      await database.getRepository<AuditRow>("audit").update({ subscriberId: id, kind: In(NAMING) }, { detail: "" });
      await database
        .getRepository<AuditRow>("audit")
        .update({ subscriberId: id }, { subscriberId: historyId, address: "", browserLabel: "" });
      for (const { entity, where } of HOLDINGS)
        if (!KEPT_FOR_OTHERS.has(entity) && entity !== "subscriber") await remove(entity, where, { id });
      // A worker tells Authy of a phone that is gone, and forgets it then.
      await remove("factor", `${OWN} AND (type <> :elsewhere OR removed_upstream_at IS NOT NULL)`, {
        ...{ id, elsewhere: KEPT_ELSEWHERE },
      });
      const factors = database.getRepository<FactorRow>("factor");
      await factors.update({ subscriberId: id, state: "active" }, { state: "removed", removedAt: at });
      await factors.update({ subscriberId: id }, { subscriberId: historyId, label: "" });
      await remove("subscriber", "id = :id", { id });
    },
  };
}
