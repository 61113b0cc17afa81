import { type Challenge, challengeStatus } from "./challenge.js";
import type { Deps } from "./deps.js";
import { type Enrolment, enrolmentStatus } from "./enrolment.js";
import { nextApprovalPoll, nextRegistrationPoll } from "./poll-schedule.js";
import { settleChallenge, type SettleDeps } from "./settle-challenge.js";
import { settleEnrolment, type SettleEnrolmentDeps } from "./settle-enrolment.js";
import type { LiveStatus, WatchedKind, WatchedRow, WatchedRows, Witness } from "./watched.js";

export type WatchedDeps = SettleDeps & SettleEnrolmentDeps & Pick<Deps, "challenges" | "enrolments" | "providers">;

/** Who alone may see what becomes of it: the attempt to sign in, or the session, that asked for it. */
export interface WatchedOwner {
  readonly kind: "attempt" | "session";
  readonly id: string;
  readonly subscriberId: string;
}

/**
 * What differs between the kinds. Everything else is the same for all: one row that ends once, whoever reports it.
 * Declared as methods, so that one table holds every kind: a row only goes back to the kind that found it.
 */
export interface WatchedRules<Row extends WatchedRow = WatchedRow> {
  readonly kind: WatchedKind;
  rows(deps: Pick<Deps, "challenges" | "enrolments">): WatchedRows<Row>;
  statusOf(row: Row): LiveStatus;
  ownerOf(deps: Pick<Deps, "attempts">, row: Row): Promise<WatchedOwner | null>;
  /** Whether anybody else knows what becomes of it: else only an answer, the person or the clock ends it. */
  canAsk(deps: Pick<Deps, "providers">, row: Row): boolean;
  /**
   * Asks the provider once and settles what it has decided. `unknown` is neither yes nor no.
   * @throws the Provider… errors, which say nothing about the subscriber.
   */
  ask(deps: WatchedDeps, row: Row, by: Witness, signal?: AbortSignal): Promise<"settled" | "pending" | "unknown">;
  /** @returns true for the one caller that ended it for want of an answer. */
  expire(deps: WatchedDeps, id: string, by: Witness): Promise<boolean>;
  nextPollAt(settings: Deps["settings"], row: Row, now: Date): Date;
}

/** Pushes that wait to be approved. */
export const approvals: WatchedRules<Challenge> = {
  kind: "approval",
  rows: ({ challenges }) => challenges,
  statusOf: challengeStatus,
  async ownerOf({ attempts }, { attemptId, subscriberId }) {
    const attempt = await attempts.find(attemptId);
    if (attempt === null) return null;
    const { id, purpose, sessionId } = attempt;
    if (purpose === "sign-in") return { kind: "attempt", id, subscriberId };
    return sessionId === null ? null : { kind: "session", id: sessionId, subscriberId };
  },
  canAsk: ({ providers }, { factorType }) => providers[factorType]?.asks?.state !== undefined,
  async ask(deps, { id, attemptId, factorType, providerRef, providerId }, by, signal) {
    const from = performance.now();
    const state =
      providerRef === null
        ? "unknown"
        : await deps.providers[factorType]?.asks?.state?.(providerRef, { providerId }, signal);
    deps.traces?.span(attemptId, `ask:${factorType}`, from, state ?? "unknown");
    // That it expired there is no answer: our own deadline counts.
    if (state !== "approved" && state !== "denied")
      return state === undefined || state === "unknown" ? "unknown" : "pending";
    await settleChallenge(deps, id, state, by);
    return "settled";
  },
  expire: (deps, id, by) => settleChallenge(deps, id, "expired", by),
  nextPollAt: (settings, { createdAt, expiresAt }, now) => nextApprovalPoll(settings, createdAt, expiresAt, now),
};

/** Factors that wait to be registered, by a QR code mostly. */
export const registrations: WatchedRules<Enrolment> = {
  kind: "registration",
  rows: ({ enrolments }) => enrolments,
  statusOf: enrolmentStatus,
  ownerOf: (_deps, { sessionId, subscriberId }) => Promise.resolve({ kind: "session", id: sessionId, subscriberId }),
  canAsk: ({ providers }, { type }) => providers[type]?.enrols.state !== undefined,
  async ask(deps, { id, type }, by, signal) {
    const answer = await deps.providers[type]?.enrols.state?.(id, signal);
    if (answer === undefined) return "unknown";
    if (answer.state === "pending") return "pending";
    await settleEnrolment(deps, id, answer, by);
    return "settled";
  },
  expire: (deps, id, by) => settleEnrolment(deps, id, { state: "expired" }, by),
  nextPollAt: (settings, { createdAt, expiresAt }, now) => nextRegistrationPoll(settings, createdAt, expiresAt, now),
};

/** The rules of each kind, by its name. */
export const WATCHED: Readonly<Record<WatchedKind, WatchedRules>> = {
  approval: approvals,
  registration: registrations,
};
