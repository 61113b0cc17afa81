import type { Application, Site } from "../domain/application.js";
import type { Gate, Guest } from "../domain/gate.js";
import type { ApplicationRow, GateSessionRow, GateTicketRow, RowSource, SiteRow } from "./schema.js";
import { LIVES } from "./sessions.js";
import { statement } from "./statement.js";

const listOf = (select: string) => ({
  sqlite: `(SELECT group_concat(group_name) FROM (SELECT group_name FROM ${select} ORDER BY group_name))`,
  postgres: `(SELECT string_agg(group_name, ',' ORDER BY group_name) FROM ${select})`,
});
const ADMITTED = listOf("application_groups x WHERE x.application_id = t.application_id");
const JOINED = listOf("memberships m WHERE m.subscriber_id = s.subscriber_id");

type FoundSite = SiteRow & Omit<ApplicationRow, "id"> & { groups: string | null };

const siteText = (groups: string): string =>
  `SELECT t.*, a.kind, a.name, a.level, a.max_age_seconds, a.admits_everyone, a.created_at, ${groups} AS "groups"
   FROM sites t JOIN applications a ON a.id = t.application_id WHERE t.origin = :origin`;

/** R57: a check asks this, and for its guest. */
const FIND_SITE = statement<FoundSite>(
  ["site", "application"],
  { sqlite: siteText(ADMITTED.sqlite), postgres: siteText(ADMITTED.postgres) },
  ["groups"],
);

type FoundGuest = Guest["session"] & {
  username: string;
  email: string;
  emailVerifiedAt: Date | null;
  disabledAt: Date | null;
  mustChangePassword: boolean;
  accountEpoch: number;
  groups: string | null;
};

const guestText = (groups: string): string =>
  `SELECT s.id, s.subscriber_id, s.level, s.epoch, s.address, s.is_remembered, s.expires_at, s.seen_at,
     coalesce(s.authenticated_at, s.password_at) AS authenticated_at, u.username, u.email, u.email_verified_at, u.disabled_at, u.must_change_password,
     u.epoch AS "accountEpoch", ${groups} AS "groups"
   FROM gate_sessions g
     JOIN sessions s ON s.sign_in_id = g.sign_in_id AND s.subscriber_id = g.subscriber_id
     JOIN subscribers u ON u.id = s.subscriber_id
   WHERE g.key_hash = :keyHash AND g.application_id = :applicationId
     AND s.ended_at IS NULL AND s.idle_until > :now AND s.expires_at > :now AND s.epoch = u.epoch AND s.level > 0
   ORDER BY s.created_at DESC LIMIT 1`;

/** R44: what a sign-in opened is found as long as a session of it lives. */
const FIND_GUEST = statement<FoundGuest>(
  ["session", "subscriber"],
  { sqlite: guestText(JOINED.sqlite), postgres: guestText(JOINED.postgres) },
  ["accountEpoch", "groups"],
);

const LIST = statement<GateSessionRow>(
  "gateSession",
  `SELECT g.application_id, min(g.created_at) AS created_at FROM gate_sessions g
   WHERE g.subscriber_id = :subscriberId
     AND EXISTS (SELECT 1 FROM sessions s WHERE s.sign_in_id = g.sign_in_id AND ${LIVES})
   GROUP BY g.application_id`,
);

/** R25: whoever changes the row has the ticket; it counts once, in time, for its site and in its browser. */
const SPEND = statement<GateTicketRow>(
  "gateTicket",
  `UPDATE gate_tickets SET used_at = :now WHERE key_hash = :keyHash AND used_at IS NULL AND expires_at > :now
     AND application_id = :applicationId AND visit_hash = :visitHash RETURNING key_hash`,
);

function listIn(text: string | null): string[] {
  return text === null || text === "" ? [] : text.split(",");
}

/** What the gate gives out, in the database. */
export function gate(database: RowSource): Gate {
  const tickets = database.getRepository<GateTicketRow>("gateTicket");
  const sessions = database.getRepository<GateSessionRow>("gateSession");
  return {
    async findSite(origin) {
      const [row] = await FIND_SITE(database, { origin });
      if (row === undefined) return null;
      const { applicationId, publicPaths, allowsPreflight, groups, ...rest } = row;
      const site: Site = { applicationId, origin, publicPaths, allowsPreflight };
      const application: Application = { ...rest, id: applicationId, groups: listIn(groups) };
      return { site, application };
    },
    async insertTicket(ticket) {
      await tickets.insert({ ...ticket, usedAt: null });
    },
    findTicket: (keyHash) => tickets.findOneBy({ keyHash }),
    spendTicket: async (keyHash, applicationId, visitHash, now) =>
      (await SPEND(database, { keyHash, applicationId, visitHash, now })).length === 1,
    async insertSession(session) {
      await sessions.insert(session);
    },
    async findGuest(keyHash, applicationId, now): Promise<Guest | null> {
      const [row] = await FIND_GUEST(database, { keyHash, applicationId, now });
      if (row === undefined) return null;
      const { username, email, emailVerifiedAt, disabledAt, mustChangePassword, accountEpoch: epoch, groups } = row;
      const account = { id: row.subscriberId, username, email, emailVerifiedAt, disabledAt, mustChangePassword };
      return { session: row, subscriber: { ...account, epoch }, groups: listIn(groups) };
    },
    listOfSubscriber: (subscriberId, now) => LIST(database, { subscriberId, now }),
    async endOfSubscriber(subscriberId, applicationId) {
      return (await sessions.delete({ subscriberId, applicationId })).affected ?? 0;
    },
    async endOfApplication(applicationId) {
      await sessions.delete({ applicationId });
      await tickets.delete({ applicationId });
    },
  };
}
