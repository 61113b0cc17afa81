import type { OidcRecord, OidcRecords } from "../domain/oidc-record.js";
import type { OidcRecordRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";

/** A sign-in lives while a session of it does. */
const signInLives = (signInId: string): string => `EXISTS (
  SELECT 1 FROM sessions s JOIN subscribers u ON u.id = s.subscriber_id AND u.epoch = s.epoch
  WHERE s.sign_in_id = ${signInId} AND s.ended_at IS NULL AND s.idle_until > :now AND s.expires_at > :now)`;

/** R44: what ends with a sign-in is not found after it. What outlives it ends with the account's next epoch. */
const STANDS = `(r.subscriber_id IS NULL
  OR (NOT r.outlives AND ${signInLives("r.sign_in_id")})
  OR (r.outlives AND r.epoch = (SELECT u.epoch FROM subscribers u WHERE u.id = r.subscriber_id)))`;

const FIND = statement<OidcRecordRow>("oidcRecord", `SELECT r.* FROM oidc_records r WHERE r.id = :id AND ${STANDS}`);

/**
 * The epoch is that of the grant, and for the grant itself that of the sign-in. An access token of a grant that outlives its
 * sign-in does so where it was asked for after the end, and only there. The same value has two names where PostgreSQL would
 * see it as two types.
 */
const insert = (conflict: string): string => `INSERT INTO oidc_records
  (id, model, grant_id, client_id, subscriber_id, sign_in_id, epoch, outlives, payload, created_at, expires_at)
  VALUES (:id, :model, :grantId, :clientId, :subscriberId, :signInId,
    coalesce((SELECT max(g.epoch) FROM oidc_records g WHERE g.grant_id = :ofGrant AND g.model = 'Grant'),
      (SELECT max(s.epoch) FROM sessions s WHERE s.sign_in_id = :ofSignIn)),
    :outlives OR (:mayOutlive AND NOT ${signInLives(":ofSignIn")}
      AND EXISTS (SELECT 1 FROM oidc_records g WHERE g.grant_id = :ofGrant AND g.model = 'Grant' AND g.outlives)),
    :payload, :createdAt, :expiresAt)
  ${conflict} RETURNING id`;

const SAVE = statement<Pick<OidcRecordRow, "id">>(
  "oidcRecord",
  insert("ON CONFLICT (id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at"),
);
const INSERT_ONCE = statement<Pick<OidcRecordRow, "id">>("oidcRecord", insert("ON CONFLICT (id) DO NOTHING"));

const CONSUME = statement<Pick<OidcRecordRow, "id">>(
  "oidcRecord",
  "UPDATE oidc_records SET consumed_at = :now WHERE id = :id AND consumed_at IS NULL RETURNING id",
);

/** What the provider keeps, in the database. */
export function oidcRecords(database: RowSource): OidcRecords {
  const rows = database.getRepository<OidcRecordRow>("oidcRecord");
  const values = (record: OidcRecord) => ({
    ...record,
    ofGrant: record.grantId,
    ofSignIn: record.signInId,
    mayOutlive: record.model === "AccessToken",
    now: record.createdAt,
  });
  return {
    async save(record) {
      await SAVE(database, values(record));
    },
    insertOnce: async (record) => (await INSERT_ONCE(database, values(record))).length === 1,
    find: async (id, now) => (await FIND(database, { id, now }))[0] ?? null,
    consume: async (id, now) => (await CONSUME(database, { id, now })).length === 1,
    async remove(id) {
      await rows.delete({ id });
    },
    async removeOfGrant(grantId) {
      await rows.createQueryBuilder().delete().where("grant_id = :grantId AND model <> 'Grant'", { grantId }).execute();
    },
    async grantedScopes(signInId, clientId) {
      const grants = await rows.findBy({ model: "Grant", signInId, clientId });
      const scopes = grants.map(
        ({ payload }) => (JSON.parse(payload) as { openid?: { scope?: string } }).openid?.scope,
      );
      return scopes.flatMap((scope) => (scope ?? "").split(" "));
    },
    async removeOfSignIn(signInId, clientId) {
      await rows.delete({ signInId, clientId });
    },
  };
}
