import { In } from "typeorm";

import { type Challenges, challengeStatus, type ChallengeState, MOVES, type Outcome } from "../domain/challenge.js";
import { EXPIRY_GRACE_MS } from "../domain/watched.js";
import { type ChallengeRow, type RowSource } from "./schema.js";
import { unlessTaken } from "./errors.js";
import { watchedRows } from "./watched.js";

const LIVE: ChallengeState[] = ["creating", "pending"];

/** The states from which an outcome may be reached, as the table of moves has it. */
function before(outcome: Outcome): ChallengeState[] {
  return LIVE.filter((state) => MOVES[state].includes(outcome));
}

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
    async insert(challenge) {
      return unlessTaken(
        rows
          .insert({
            ...challenge,
            version: 1,
            settledAt: null,
            settledBy: null,
            answeredBy: null,
            consumedAt: null,
            personAskedAt: null,
            leaseUntil: null,
          })
          .then(() => true),
      );
    },
    find: (id) => rows.findOneBy({ id }),
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
    async confirmSent(id, providerRef, nextPollAt) {
      return unlessTaken(
        change({ state: "pending", providerRef, nextPollAt, failure: null })
          .where("id = :id AND state = 'creating'", { id })
          .execute()
          .then(({ affected }) => affected === 1),
      );
    },
    async noteFailure(id, failure) {
      await rows.update({ id, state: "creating" }, { failure });
    },
    async settle(id, outcome, by, now, { failure, answeredBy } = {}) {
      const end = new Date(now.getTime() - EXPIRY_GRACE_MS);
      const isAnswer = outcome === "approved" || outcome === "denied";
      const query = change({
        ...{ state: outcome, settledAt: now, settledBy: by, leaseUntil: null, version: () => "version + 1" },
        ...(failure === undefined ? {} : { failure }),
        ...(isAnswer ? { answeredBy: answeredBy ?? (() => "factor_id") } : {}),
      }).where("id = :id AND state IN (:...states)", { id, states: before(outcome) });
      // State and time are judged by the same statement: an answer counts until the clock may call it too late.
      if (isAnswer) query.andWhere("expires_at > :end", { end });
      // Authy's signed word ends it; a poll's and the clock's only after our own deadline.
      if (outcome === "expired" && by !== "callback")
        query.andWhere("expires_at <= :end", { end: by === "clock" ? end : now });
      const { affected } = await query.execute();
      return affected === 1;
    },
    async consume(id, approvedAfter, now) {
      const { affected } = await change({ state: "consumed", consumedAt: now, version: () => "version + 1" })
        .where("id = :id AND state = 'approved' AND settled_at > :approvedAfter", { id, approvedAfter })
        .andWhere(FACTOR_IS_ACTIVE)
        .execute();
      return affected === 1;
    },
    async lapse(id) {
      const { affected } = await rows.update({ id, state: "approved" }, { state: "lapsed" });
      return affected === 1;
    },
    async claimPersonAsk(id, now, everyMs) {
      const { affected } = await change({ personAskedAt: now })
        .where("id = :id AND state = 'pending' AND (person_asked_at IS NULL OR person_asked_at <= :before)", {
          id,
          before: new Date(now.getTime() - everyMs),
        })
        .execute();
      return affected === 1;
    },
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
