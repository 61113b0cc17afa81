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
  (id, model, grant_id, client_id, subscriber_id, sign_in_id, user_code_hash, epoch, outlives, payload, created_at, expires_at)
  VALUES (:id, :model, :grantId, :clientId, :subscriberId, :signInId, :userCodeHash,
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

/** A code that a person types finds what is still to be answered. */
const FIND_BY_USER_CODE = statement<OidcRecordRow>(
  "oidcRecord",
  `SELECT r.* FROM oidc_records r WHERE r.user_code_hash = :userCodeHash AND r.grant_id IS NULL AND r.consumed_at IS NULL
   AND r.expires_at > :now ORDER BY r.created_at DESC LIMIT 1`,
);

/** Of several answers one counts. A refusal has neither grant nor sign-in, and leaves nothing that could be found again. */
const ANSWER_DEVICE = statement<Pick<OidcRecordRow, "id">>(
  "oidcRecord",
  `UPDATE oidc_records SET grant_id = :grantId, subscriber_id = :subscriberId, sign_in_id = :signInId, payload = :payload,
     user_code_hash = NULL, epoch = (SELECT max(s.epoch) FROM sessions s WHERE s.sign_in_id = :ofSignIn)
   WHERE id = :id AND user_code_hash IS NOT NULL AND consumed_at IS NULL AND expires_at > :now RETURNING id`,
);

const COUNT_REFUSED = statement<Pick<OidcRecordRow, "refused">>(
  "oidcRecord",
  "UPDATE oidc_records SET refused = refused + 1 WHERE id = :id RETURNING refused",
);

const FIRST_TOKEN = statement<Pick<OidcRecordRow, "createdAt">>(
  "oidcRecord",
  `SELECT r.created_at FROM oidc_records r WHERE r.grant_id = :grantId AND r.model = 'AccessToken'
   ORDER BY r.created_at LIMIT 1`,
);

const GRANTS = statement<OidcRecordRow>(
  "oidcRecord",
  `SELECT r.* FROM oidc_records r WHERE r.subscriber_id = :subscriberId AND r.model = 'Grant'
   AND r.expires_at > :now AND ${STANDS} ORDER BY r.created_at`,
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
    findByUserCode: async (userCodeHash, now) => (await FIND_BY_USER_CODE(database, { userCodeHash, now }))[0] ?? null,
    answerDevice: async (id, answer, now) =>
      (await ANSWER_DEVICE(database, { id, ...answer, ofSignIn: answer.signInId, now })).length === 1,
    consume: async (id, now) => (await CONSUME(database, { id, now })).length === 1,
    async remove(id) {
      await rows.delete({ id });
    },
    async removeOfGrant(grantId, model) {
      await rows.delete({ grantId, model });
    },
    countRefused: async (id) => (await COUNT_REFUSED(database, { id }))[0]?.refused ?? 0,
    async removeGrant(grantId) {
      await rows.delete({ grantId });
    },
    firstTokenAt: async (grantId) => (await FIRST_TOKEN(database, { grantId }))[0]?.createdAt ?? null,
    async grantedScopes(signInId, clientId) {
      const grants = await rows.findBy({ model: "Grant", signInId, clientId });
      const scopes = grants.map(
        ({ payload }) => (JSON.parse(payload) as { openid?: { scope?: string } }).openid?.scope,
      );
      return scopes.flatMap((scope) => (scope ?? "").split(" "));
    },
    async listOfSubscriber(subscriberId, now) {
      const first = new Map<string, Date>();
      for (const { clientId, createdAt } of await GRANTS(database, { subscriberId, now }))
        if (clientId !== null && !first.has(clientId)) first.set(clientId, createdAt);
      return Array.from(first, ([clientId, createdAt]) => ({ clientId, createdAt }));
    },
    endOfSubscriber: async (subscriberId, clientId) => (await rows.delete({ subscriberId, clientId })).affected ?? 0,
    async removeOfSignIn(signInId, clientId) {
      await rows.delete({ signInId, clientId });
    },
  };
}
