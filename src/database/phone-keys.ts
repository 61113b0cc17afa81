import type { ActiveKey, PhoneKeys } from "../domain/phone-key.js";
import type { AskedChallenge } from "../domain/shown-request.js";
import type { ChallengeRow, PhoneKeyTableRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";

type ActiveRow = Pick<PhoneKeyTableRow, "id" | "credentialId" | "credentialKey"> & {
  readonly subscriberId: string;
  readonly keyHash: string;
  readonly spki: string;
};

type AskedRow = ChallengeRow &
  AskedChallenge["attempt"] &
  Pick<AskedChallenge["subscriber"], "username"> &
  Omit<ActiveRow, "id"> & {
    readonly answering: string | null;
    readonly own_language: AskedChallenge["subscriber"]["language"];
  };

// CROSS JOIN: SQLite would else begin with all phones of everybody.
const findActive = (isAmongThem: string): string => `
  SELECT f.id, f.subscriber_id, k.key_hash, k.spki, k.credential_id, k.credential_key
  FROM phone_keys k CROSS JOIN factors f
  WHERE k.key_hash ${isAmongThem} AND f.id = k.id AND k.spki IS NOT NULL AND f.type = 'phone' AND f.state = 'active'`;

/** PH6: each answer and each look of a phone's page begins with it. */
const FIND_ACTIVE = statement<ActiveRow>(["phoneKey", "factor"], {
  sqlite: findActive("IN (SELECT value FROM json_each(:keyHashes))"),
  postgres: findActive("= ANY(:keyHashes)"),
});

/** PH4, PH6: whatever an answer is judged by. `answering` is the factor of the key, while it is active and of this account. */
const FIND_ASKED = statement<AskedRow>(
  ["challenge", "attempt", "subscriber", "phoneKey"],
  `SELECT c.*, a.purpose, a.address, a.browser_label, a.application, a.next, s.username, s.language AS own_language,
     f.id AS answering, k.key_hash, k.spki, k.credential_id, k.credential_key
   FROM challenges c
   JOIN attempts a ON a.id = c.attempt_id
   JOIN subscribers s ON s.id = c.subscriber_id
   LEFT JOIN phone_keys k ON k.key_hash = :keyHash AND k.spki IS NOT NULL
   LEFT JOIN factors f ON f.id = k.id AND f.subscriber_id = c.subscriber_id AND f.type = 'phone' AND f.state = 'active'
   WHERE c.id = :challengeId AND c.factor_type = 'phone'`,
  ["answering", "own_language"],
);

/** The keys of phones of our own, in the database. */
export function phoneKeys(database: RowSource): PhoneKeys {
  const rows = database.getRepository<PhoneKeyTableRow>("phoneKey");
  const unclaimed = { keyHash: null, spki: null, credentialId: null, credentialHash: null, credentialKey: null };
  return {
    async insert(row) {
      await rows.insert({ ...row, ...unclaimed, label: "", address: "" });
    },
    find: (id) => rows.findOneBy({ id }),
    findBySecret: (secretHash) => rows.findOneBy({ secretHash }),
    async claim(id, { credential, ...key }) {
      await rows.update({ id }, { ...key, ...credential });
    },
    async findActive(keyHashes) {
      const found = keyHashes.length === 0 ? [] : await FIND_ACTIVE(database, { keyHashes });
      return found.map(({ id, ...row }) => activeKey(id, row));
    },
    async findAsked(challengeId, keyHash) {
      const found = await FIND_ASKED(database, { challengeId, keyHash });
      const row = found.find(({ answering }) => answering !== null) ?? found[0];
      if (row === undefined) return null;
      const { answering, username, own_language: language } = row;
      const key = answering === null ? null : activeKey(answering, row);
      return { challenge: row, attempt: row, subscriber: { username, language }, key };
    },
    hasCredential: (credentialHash) => rows.existsBy({ credentialHash }),
  };
}

function activeKey(factorId: string, row: Omit<ActiveRow, "id">): ActiveKey {
  const { subscriberId, keyHash, spki, credentialId, credentialKey } = row;
  const credential = credentialId === null || credentialKey === null ? null : { credentialId, credentialKey };
  return { factorId, subscriberId, keyHash, spki, credential };
}
