import { In } from "typeorm";

import {
  type Challenges,
  challengeStatus,
  type ChallengeState,
  MOVES,
  type Outcome,
  type SettledChallenge,
} from "../domain/challenge.js";
import { EXPIRY_GRACE_MS } from "../domain/watched.js";
import { changedOne, unlessTaken } from "./one-row.js";
import type { ChallengeRow, RowSource } from "./schema.js";
import { statement } from "./statement.js";
import { watchedRows } from "./watched.js";

const LIVE: ChallengeState[] = ["creating", "pending"];

/** The live states from which an outcome may be reached, as the table of moves has it. */
function before(outcome: Outcome): ChallengeState[] {
  return LIVE.filter((state) => MOVES[state].includes(outcome));
}

const BY_ID = "id = :id";
/** W12: a callback about another phone than the one that was asked changes nothing. */
const BY_REF_AND_PHONE = "authy_uuid = :providerRef AND authy_id = :providerId";
/** T2, W7: an answer counts until the clock may call it too late; our own deadline decides. */
const IN_TIME = "AND expires_at > :end";
/** An end for want of an answer comes only after our own deadline. */
const WHEN_OVER = "AND expires_at <= :end";

/**
 * Gives a challenge its outcome. W9, T1: only a live row is changed, so that the first outcome stands whoever comes later.
 * State, phone and time are judged by the statement that writes.
 */
function settling(which: string, outcome: Outcome, time: string) {
  const states = before(outcome).map((state) => `'${state}'`);
  const answeredBy = isAnswer(outcome) ? "answered_by = coalesce(:answeredBy, factor_id)," : "";
  return statement<SettledChallenge>(
    "challenge",
    `UPDATE challenges
     SET state = '${outcome}', settled_at = :now, settled_by = :by, ${answeredBy} failure = coalesce(:failure, failure),
       lease_until = NULL, version = version + 1
     WHERE ${which} AND state IN (${states.join(", ")}) ${time}
     RETURNING id, version, factor_type, created_at, expires_at, attempt_id, subscriber_id, is_known_browser`,
  );
}

function isAnswer(outcome: Outcome): boolean {
  return outcome === "approved" || outcome === "denied";
}

/** Every way in which a challenge ends. */
const SETTLE = {
  approved: settling(BY_ID, "approved", IN_TIME),
  denied: settling(BY_ID, "denied", IN_TIME),
  expired: settling(BY_ID, "expired", WHEN_OVER),
  superseded: settling(BY_ID, "superseded", ""),
  cancelled: settling(BY_ID, "cancelled", ""),
  failed: settling(BY_ID, "failed", ""),
} satisfies Record<Outcome, unknown>;

/** Authy's signed word ends a request at any time. */
const EXPIRE_BY_CALLBACK = settling(BY_ID, "expired", "");

/** W1: only for a callback whose signature is good. */
const SETTLE_BY_REF = {
  approved: settling(BY_REF_AND_PHONE, "approved", IN_TIME),
  denied: settling(BY_REF_AND_PHONE, "denied", IN_TIME),
  expired: settling(BY_REF_AND_PHONE, "expired", ""),
};

const FIND = statement<ChallengeRow>("challenge", "SELECT * FROM challenges WHERE id = :id");

/** Processes of the release before name no factor that answered: it was the one that was asked. */
const FACTOR_IS_ACTIVE = `EXISTS (
  SELECT 1 FROM factors f WHERE f.id = coalesce(challenges.answered_by, challenges.factor_id) AND f.state = 'active')`;

/** The challenges, in the database: a state changes by one statement whose WHERE holds the state believed in. */
export function challenges(database: RowSource): Challenges {
  const rows = database.getRepository<ChallengeRow>("challenge");
  const change = (set: Parameters<ReturnType<ReturnType<typeof rows.createQueryBuilder>["update"]>["set"]>[0]) =>
    rows.createQueryBuilder().update().set(set);

  return {
    ...watchedRows(database, "challenge", LIVE, challengeStatus),
    insert: (challenge) =>
      unlessTaken(
        rows.insert({
          ...challenge,
          version: 1,
          reach: null,
          settledAt: null,
          settledBy: null,
          answeredBy: null,
          consumedAt: null,
          personAskedAt: null,
          leaseUntil: null,
        }),
      ),
    find: async (id) => (await FIND(database, { id }))[0] ?? null,
    findByProviderRef: (providerRef) => rows.findOneBy({ providerRef }),
    findLiveOfBrowser: (browserHash) => rows.findOneBy({ browserHash, state: In(LIVE) }),
    async findDecisive(attemptId) {
      const order = { createdAt: "DESC" } as const;
      const approved = await rows.findOne({ where: { attemptId, state: In(["approved", "consumed"]) }, order });
      return approved ?? rows.findOne({ where: { attemptId }, order });
    },
    async pushTimesOfAttempt(attemptId) {
      const found = await rows
        .createQueryBuilder("challenge")
        .select(["challenge.id", "challenge.createdAt"])
        .where("challenge.attemptId = :attemptId", { attemptId })
        .andWhere("(challenge.state <> 'failed' OR challenge.providerRef IS NOT NULL)")
        .orderBy("challenge.createdAt")
        .getMany();
      return found.map(({ createdAt }) => createdAt);
    },
    countPushes: (subscriberId, isKnownBrowser, since) =>
      rows
        .createQueryBuilder("challenge")
        .where("challenge.subscriberId = :subscriberId AND challenge.isKnownBrowser = :isKnownBrowser", {
          subscriberId,
          isKnownBrowser,
        })
        .andWhere("challenge.createdAt > :since AND challenge.state <> 'failed'", { since })
        .getCount(),
    confirmSent: (id, { ref: providerRef, reach = null }, nextPollAt) =>
      unlessTaken(
        changedOne(
          rows.update({ id, state: "creating" }, { state: "pending", providerRef, reach, nextPollAt, failure: null }),
        ),
      ),
    async noteRinging(id) {
      await rows.update({ id, state: In(LIVE) }, { reach: "ringing" });
    },
    async noteFailure(id, failure) {
      await rows.update({ id, state: "creating" }, { failure });
    },
    async settle(id, outcome, by, now, { failure = null, answeredBy = null } = {}) {
      const settle = outcome === "expired" && by === "callback" ? EXPIRE_BY_CALLBACK : SETTLE[outcome];
      // A poll says at our deadline that nobody answered, the clock only a little later.
      const end = outcome === "expired" && by !== "clock" ? now : new Date(now.getTime() - EXPIRY_GRACE_MS);
      const [settled] = await settle(database, { id, by, now, end, failure, answeredBy });
      return settled ?? null;
    },
    async settleByRef({ providerRef, providerId, status }, now) {
      const end = new Date(now.getTime() - EXPIRY_GRACE_MS);
      const values = { providerRef, providerId, by: "callback", now, end, failure: null, answeredBy: null };
      const [settled] = await SETTLE_BY_REF[status](database, values);
      return settled ?? null;
    },
    consume: (id, approvedAfter, now) =>
      changedOne(
        change({ state: "consumed", consumedAt: now, version: () => "version + 1" })
          .where("id = :id AND state = 'approved' AND settled_at > :approvedAfter", { id, approvedAfter })
          .andWhere(FACTOR_IS_ACTIVE)
          .execute(),
      ),
    lapse: (id) => changedOne(rows.update({ id, state: "approved" }, { state: "lapsed" })),
    noteReported: (id, now) =>
      changedOne(
        // Nothing else spends a denial.
        change({ consumedAt: now }).where("id = :id AND state = 'denied' AND consumed_at IS NULL", { id }).execute(),
      ),
    claimPersonAsk: (id, now, everyMs) =>
      changedOne(
        change({ personAskedAt: now })
          .where("id = :id AND state = 'pending' AND (person_asked_at IS NULL OR person_asked_at <= :before)", {
            id,
            before: new Date(now.getTime() - everyMs),
          })
          .execute(),
      ),
    findLiveOfSubscriber: (subscriberId) => rows.findBy({ subscriberId, state: In(LIVE) }),
    listLive: (limit) => rows.find({ where: { state: In(LIVE) }, order: { createdAt: "DESC" }, take: limit }),
    async lapseOld(approvedBefore) {
      const { affected } = await change({ state: "lapsed" })
        .where("state = 'approved' AND settled_at <= :approvedBefore", { approvedBefore })
        .execute();
      return affected ?? 0;
    },
    async newestWitnessSince(since, types) {
      const newest = await rows
        .createQueryBuilder("challenge")
        .select(["challenge.id", "challenge.settledBy"])
        .where("challenge.settledAt > :since AND challenge.settledBy IN ('callback', 'webhook', 'poll')", { since })
        .andWhere("challenge.state IN ('approved', 'denied', 'consumed', 'lapsed')")
        .andWhere({ factorType: In([...types]) })
        .orderBy("challenge.settledAt", "DESC")
        .limit(1)
        .getOne();
      return newest?.settledBy ?? null;
    },
  };
}
