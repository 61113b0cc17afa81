import { type EntityManager, EntitySchema, type EntitySchemaColumnOptions } from "typeorm";

import type { Application, Site } from "../domain/application.js";
import type { Attempt } from "../domain/attempt.js";
import type { ApplicationAuditKind, AuditEvent, AuditKind } from "../domain/audit.js";
import type { Challenge } from "../domain/challenge.js";
import type { Client } from "../domain/client.js";
import type { Receipt } from "../domain/deps.js";
import type { Enrolment } from "../domain/enrolment.js";
import type { Factor } from "../domain/factor.js";
import type { LogoutNotice } from "../domain/logout-notice.js";
import type { FoundRecord } from "../domain/oidc-record.js";
import type { Link, Mail, ResetRequest } from "../domain/mail.js";
import type { GateSession, GateTicket } from "../domain/gate.js";
import type { Passkey } from "../domain/passkey.js";
import type { PhoneKeyRow, PushSubscription } from "../domain/phone-key.js";
import type { StoredSession } from "../domain/session.js";
import type { SigningKey } from "../domain/signing-key.js";
import type { KnownBrowser, Subscriber } from "../domain/subscriber.js";
import type { TotpSecret } from "../domain/totp-secret.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Where a noun reads and writes its rows: the whole database, or one transaction of it. */
export type RowSource = Pick<EntityManager, "getRepository" | "transaction" | "query">;

export type SubscriberRow = Mutable<Subscriber>;
export type FactorRow = Mutable<Factor> & { removedUpstreamAt: Date | null };
export type TotpSecretRow = Mutable<TotpSecret>;
export type PasskeyRow = Mutable<Passkey>;
export type EnrolmentRow = Mutable<Enrolment> & { leaseUntil: Date | null };
export type AttemptRow = Mutable<Attempt>;
export type ChallengeRow = Mutable<Challenge> & { leaseUntil: Date | null };
export type KnownBrowserRow = Mutable<KnownBrowser>;
export type MailRow = Mutable<Mail> & { leaseUntil: Date | null };
export type LinkRow = Mutable<Link>;
export type ResetRequestRow = Mutable<ResetRequest>;
export type AuditRow = Mutable<Omit<AuditEvent, "kind">> & {
  id: string;
  kind: AuditKind | ApplicationAuditKind;
  exactKind: AuditKind | null;
};
export type ReceiptRow = Mutable<Receipt>;
export type PhoneKeyTableRow = Mutable<PhoneKeyRow>;
export type PushSubscriptionRow = Mutable<PushSubscription>;
export type SigningKeyRow = Mutable<SigningKey>;
export type OidcRecordRow = Mutable<FoundRecord> & { epoch: number | null };
export type LogoutNoticeRow = Mutable<LogoutNotice>;

/** Lists are JSON. */
export type ClientRow = Mutable<Omit<Client, "redirectUris" | "logoutRedirectUris" | "origins">> &
  Record<"redirectUris" | "logoutRedirectUris" | "origins", string>;

export interface ClientSecretRow {
  hash: string;
  clientId: string;
  createdAt: Date;
  expiresAt: Date | null;
}

/**
 * A browser session: of somebody signed in, or (without subscriber) one that only carries a message to the next page. What
 * may be missing is not in the rows of the release before.
 */
export type SessionRow = Mutable<Omit<StoredSession, "signInId" | "methods" | "authenticatedAt">> & {
  endedAt: Date | null;
  signInId: string | null;
  /** Words with a blank between them. */
  methods: string | null;
  authenticatedAt: Date | null;
};

export type ApplicationRow = Mutable<Omit<Application, "groups">>;

export interface ApplicationGroupRow {
  applicationId: string;
  groupName: string;
}

export interface MembershipRow {
  subscriberId: string;
  groupName: string;
  createdAt: Date;
}

export type SiteRow = Mutable<Site>;
export type GateTicketRow = Mutable<GateTicket>;
export type GateSessionRow = Mutable<GateSession>;

export interface AttemptKeyRow {
  keyHash: string;
  attemptId: string;
}

export interface RecoveryCodeRow {
  id: string;
  subscriberId: string;
  codeHash: string;
  usedAt: Date | null;
  createdAt: Date;
}

/** How authenticators name an account. */
export interface PasskeyUserRow {
  subscriberId: string;
  handle: string;
  createdAt: Date;
}

export interface SpentChallengeRow {
  challengeHash: string;
  spentAt: Date;
}

export interface FailureRow {
  bucket: string;
  count: number;
  lastAt: Date;
}

/** Time columns differ: text on SQLite, `timestamptz(3)` on PostgreSQL. Everything else is alike. */
export function entities(isPostgres: boolean) {
  const id = { type: "varchar", length: 64, primary: true } as const;
  const groupName = { type: "varchar", length: 63, primary: true } as const;
  const ref = { type: "varchar", length: 64 } as const;
  const text = (length = 255) => ({ type: "varchar", length }) as const;
  const long = { type: "text" } as const;
  const whole = { type: "integer" } as const;
  const truth = { type: "boolean" } as const;
  const time: EntitySchemaColumnOptions = isPostgres ? { type: "timestamptz", precision: 3 } : { type: "datetime" };
  const nullable = <T extends object>(column: T) => ({ ...column, nullable: true }) as const;

  // Up to 2^32: more than PostgreSQL's integer holds, and its wider one comes as a text.
  const counter = {
    type: isPostgres ? "bigint" : "integer",
    transformer: { from: Number, to: (value: unknown) => value },
  } as const;
  // SQLite keeps texts of any length whatever the table says: there it was left as it was.
  const providerId = { ...text(isPostgres ? 64 : 20), name: "authy_id" };

  return [
    new EntitySchema<SubscriberRow>({
      name: "subscriber",
      tableName: "subscribers",
      columns: {
        id,
        username: text(64),
        usernameKey: text(64),
        email: text(254),
        pendingEmail: nullable(text(254)),
        passwordHash: text(),
        epoch: whole,
        mustChangePassword: truth,
        pushFrozenUntil: nullable(time),
        lastSuccessAt: time,
        strangersSuccessAt: nullable(time),
        emailVerifiedAt: nullable(time),
        disabledAt: nullable(time),
        closedAt: nullable(time),
        moveRestsUntil: nullable(time),
        language: nullable(text(10)),
        timeZone: nullable(text(64)),
        createdAt: time,
      },
      indices: [
        { name: "subscribers_username", columns: ["usernameKey"], unique: true },
        // Of lower(email): the migration alone can say so.
        { name: "subscribers_email", columns: ["email"], synchronize: false },
        // Of hashes that another system made: the migration alone can say so.
        { name: "subscribers_foreign", columns: ["id"], synchronize: false },
        { name: "subscribers_closed", columns: ["closedAt"], where: "closed_at IS NOT NULL" },
      ],
    }),
    new EntitySchema<FactorRow>({
      name: "factor",
      tableName: "factors",
      columns: {
        id,
        subscriberId: ref,
        type: text(20),
        providerId,
        label: { ...text(120), default: "" },
        state: text(20),
        isPreferred: { ...truth, default: false },
        createdAt: time,
        lastUsedAt: nullable(time),
        removedAt: nullable(time),
        removedUpstreamAt: nullable(time),
        replacesId: nullable(ref),
        provedAt: nullable(time),
      },
      indices: [
        { name: "factors_removed", columns: ["removedAt"], where: "state = 'removed' AND removed_upstream_at IS NULL" },
        { name: "factors_subscriber", columns: ["subscriberId"] },
        { name: "factors_active", columns: ["type", "providerId"], unique: true, where: "state = 'active'" },
      ],
    }),
    new EntitySchema<TotpSecretRow>({
      name: "totpSecret",
      tableName: "totp_secrets",
      columns: { factorId: id, sealed: text(), lastStep: whole, createdAt: time },
    }),
    new EntitySchema<PasskeyRow>({
      name: "passkey",
      tableName: "passkeys",
      columns: {
        factorId: id,
        credentialId: text(1400),
        publicKey: { type: "text" },
        counter,
        transports: text(120),
        canBeBackedUp: truth,
        isBackedUp: truth,
        createdAt: time,
      },
    }),
    new EntitySchema<PasskeyUserRow>({
      name: "passkeyUser",
      tableName: "passkey_users",
      columns: { subscriberId: id, handle: text(64), createdAt: time },
    }),
    new EntitySchema<SpentChallengeRow>({
      name: "spentChallenge",
      tableName: "spent_challenges",
      columns: { challengeHash: id, spentAt: time },
      indices: [{ name: "spent_challenges_spent", columns: ["spentAt"] }],
    }),
    new EntitySchema<EnrolmentRow>({
      name: "enrolment",
      tableName: "enrolments",
      columns: {
        id,
        subscriberId: ref,
        sessionId: ref,
        epoch: whole,
        type: { ...text(20), default: "authy-push" },
        replacesFactor: truth,
        state: text(20),
        version: whole,
        createdAt: time,
        expiresAt: time,
        settledAt: nullable(time),
        settledBy: nullable(text(20)),
        nextPollAt: nullable(time),
        leaseUntil: nullable(time),
      },
      indices: [
        { name: "enrolments_pending", columns: ["subscriberId"], unique: true, where: "state = 'pending'" },
        { name: "enrolments_session", columns: ["sessionId"] },
        { name: "enrolments_expiry", columns: ["state", "expiresAt"] },
      ],
    }),
    new EntitySchema<AttemptRow>({
      name: "attempt",
      tableName: "attempts",
      columns: {
        id,
        subscriberId: ref,
        epoch: whole,
        purpose: text(30),
        sessionId: nullable(ref),
        browserHash: text(64),
        isKnownBrowser: truth,
        asksMatchCode: truth,
        browserLabel: text(120),
        address: text(64),
        next: text(2048),
        remember: truth,
        tries: whole,
        state: text(20),
        createdAt: time,
        expiresAt: time,
        spentAt: { ...nullable(time), name: "granted_at" },
        wasTexted: { ...truth, default: false },
        application: nullable(text(100)),
      },
      indices: [
        { name: "attempts_subscriber", columns: ["subscriberId", "state"] },
        { name: "attempts_session", columns: ["sessionId"] },
        { name: "attempts_created", columns: ["createdAt"] },
        { name: "attempts_open", columns: ["expiresAt"], where: "state = 'open'" },
      ],
    }),
    new EntitySchema<AttemptKeyRow>({
      name: "attemptKey",
      tableName: "attempt_keys",
      columns: { keyHash: id, attemptId: ref },
      indices: [{ name: "attempt_keys_attempt", columns: ["attemptId"] }],
    }),
    new EntitySchema<ChallengeRow>({
      name: "challenge",
      tableName: "challenges",
      columns: {
        id,
        attemptId: ref,
        subscriberId: ref,
        factorType: { ...text(20), default: "authy-push" },
        factorId: ref,
        browserHash: text(64),
        isKnownBrowser: truth,
        providerId,
        providerRef: { ...nullable(text(64)), name: "authy_uuid" },
        state: text(20),
        version: whole,
        matchCodeHash: nullable(text(64)),
        language: nullable(text(10)),
        namedLabel: nullable(text(120)),
        failure: nullable(text(20)),
        reach: nullable(text(20)),
        createdAt: time,
        expiresAt: time,
        settledAt: nullable(time),
        settledBy: nullable(text(20)),
        answeredBy: nullable(ref),
        consumedAt: nullable(time),
        nextPollAt: nullable(time),
        personAskedAt: nullable(time),
        leaseUntil: nullable(time),
      },
      indices: [
        // At most one live push for each browser: the database, not a reading of it, decides who came first.
        {
          name: "challenges_live_browser",
          columns: ["browserHash"],
          unique: true,
          where: "state IN ('creating', 'pending')",
        },
        { name: "challenges_uuid", columns: ["providerRef"], unique: true },
        { name: "challenges_attempt", columns: ["attemptId", "createdAt"] },
        { name: "challenges_subscriber", columns: ["subscriberId", "createdAt"] },
        { name: "challenges_state", columns: ["state", "expiresAt"] },
        { name: "challenges_settled", columns: ["settledAt"] },
      ],
    }),
    new EntitySchema<SessionRow>({
      name: "session",
      tableName: "sessions",
      columns: {
        id,
        keyHash: text(64),
        subscriberId: nullable(ref),
        level: whole,
        epoch: whole,
        browserLabel: text(120),
        address: text(64),
        challengeId: nullable(ref),
        isRemembered: truth,
        passwordAt: time,
        createdAt: time,
        seenAt: time,
        idleUntil: time,
        expiresAt: time,
        endedAt: nullable(time),
        data: { type: "text" },
        signInId: nullable(ref),
        methods: nullable(text(120)),
        authenticatedAt: nullable(time),
      },
      indices: [
        { name: "sessions_key", columns: ["keyHash"], unique: true },
        { name: "sessions_subscriber", columns: ["subscriberId"] },
        // One living session for each approval.
        { name: "sessions_challenge", columns: ["challengeId"], unique: true, where: "ended_at IS NULL" },
        { name: "sessions_expiry", columns: ["idleUntil"] },
        { name: "sessions_sign_in", columns: ["signInId"] },
      ],
    }),
    new EntitySchema<KnownBrowserRow>({
      name: "browser",
      tableName: "browsers",
      columns: {
        id,
        subscriberId: ref,
        keyHash: text(64),
        label: text(120),
        address: text(64),
        firstSeenAt: time,
        lastSeenAt: time,
      },
      indices: [{ name: "browsers_key", columns: ["subscriberId", "keyHash"], unique: true }],
    }),
    new EntitySchema<RecoveryCodeRow>({
      name: "recoveryCode",
      tableName: "recovery_codes",
      columns: { id, subscriberId: ref, codeHash: text(64), usedAt: nullable(time), createdAt: time },
      indices: [{ name: "recovery_codes_code", columns: ["subscriberId", "codeHash"], unique: true }],
    }),
    new EntitySchema<PhoneKeyTableRow>({
      name: "phoneKey",
      tableName: "phone_keys",
      columns: {
        id,
        secretHash: text(64),
        keyHash: nullable(text(64)),
        spki: nullable(text(160)),
        label: text(120),
        address: text(64),
        credentialId: nullable(text(1400)),
        credentialHash: nullable(text(64)),
        credentialKey: nullable({ type: "text" }),
        createdAt: time,
      },
      indices: [
        { name: "phone_keys_secret", columns: ["secretHash"], unique: true },
        { name: "phone_keys_key", columns: ["keyHash"] },
        { name: "phone_keys_credential", columns: ["credentialHash"] },
      ],
    }),
    new EntitySchema<PushSubscriptionRow>({
      name: "pushSubscription",
      tableName: "push_subscriptions",
      columns: {
        factorId: id,
        endpoint: text(1024),
        p256dh: text(120),
        auth: text(40),
        vapid: text(120),
        createdAt: time,
      },
    }),
    new EntitySchema<ClientRow>({
      name: "client",
      tableName: "clients",
      columns: {
        id,
        kind: text(10),
        redirectUris: long,
        logoutRedirectUris: long,
        backChannelUri: nullable(text(1024)),
        origins: long,
        jwks: nullable(long),
        asksConsent: truth,
        mayStayOffline: truth,
        createdAt: time,
      },
    }),
    new EntitySchema<ClientSecretRow>({
      name: "clientSecret",
      tableName: "client_secrets",
      columns: { hash: id, clientId: ref, createdAt: time, expiresAt: nullable(time) },
      indices: [{ name: "client_secrets_client", columns: ["clientId"] }],
    }),
    new EntitySchema<SigningKeyRow>({
      name: "signingKey",
      tableName: "signing_keys",
      columns: {
        kid: id,
        algorithm: text(10),
        state: text(10),
        publicKey: long,
        sealed: long,
        createdAt: time,
        stateSince: time,
      },
      indices: [
        { name: "signing_keys_next", columns: ["algorithm"], unique: true, where: "state = 'next'" },
        { name: "signing_keys_current", columns: ["algorithm"], unique: true, where: "state = 'current'" },
      ],
    }),
    new EntitySchema<OidcRecordRow>({
      name: "oidcRecord",
      tableName: "oidc_records",
      columns: {
        id,
        model: text(40),
        grantId: nullable(ref),
        clientId: nullable(ref),
        subscriberId: nullable(ref),
        signInId: nullable(ref),
        epoch: nullable(whole),
        outlives: truth,
        payload: long,
        createdAt: time,
        expiresAt: time,
        consumedAt: nullable(time),
        userCodeHash: nullable(ref),
        refused: { ...whole, default: 0 },
      },
      indices: [
        { name: "oidc_records_grant", columns: ["grantId"] },
        { name: "oidc_records_sign_in", columns: ["signInId"] },
        { name: "oidc_records_subscriber", columns: ["subscriberId"] },
        { name: "oidc_records_client", columns: ["clientId"] },
        { name: "oidc_records_expiry", columns: ["expiresAt"] },
        { name: "oidc_records_user_code", columns: ["userCodeHash"], unique: true },
      ],
    }),
    new EntitySchema<LogoutNoticeRow>({
      name: "logoutNotice",
      tableName: "logout_notices",
      columns: {
        id: { type: "varchar", length: 140, primary: true },
        clientId: ref,
        subscriberId: ref,
        signInId: nullable(ref),
        state: text(10),
        tries: whole,
        createdAt: time,
        nextTryAt: nullable(time),
      },
      indices: [{ name: "logout_notices_due", columns: ["nextTryAt"] }],
    }),
    new EntitySchema<ReceiptRow>({
      name: "receipt",
      tableName: "receipts",
      columns: {
        signatureHash: id,
        providerRef: { ...text(64), name: "authy_uuid" },
        providerId,
        status: text(20),
        receivedAt: time,
      },
      indices: [
        { name: "receipts_uuid", columns: ["providerRef"] },
        { name: "receipts_received", columns: ["receivedAt"] },
      ],
    }),
    new EntitySchema<FailureRow>({
      name: "failure",
      tableName: "failure_counts",
      columns: { bucket: { type: "varchar", length: 320, primary: true }, count: whole, lastAt: time },
      indices: [{ name: "failure_counts_last", columns: ["lastAt"] }],
    }),
    new EntitySchema<AuditRow>({
      name: "audit",
      tableName: "audit_events",
      columns: {
        id,
        subscriberId: ref,
        kind: text(30),
        at: time,
        address: text(64),
        browserLabel: text(120),
        detail: text(),
        exactKind: nullable(text(30)),
      },
      indices: [{ name: "audit_events_subscriber", columns: ["subscriberId", "at"] }],
    }),
    new EntitySchema<ApplicationRow>({
      name: "application",
      tableName: "applications",
      columns: {
        id,
        kind: text(10),
        name: text(120),
        level: whole,
        maxAgeSeconds: nullable(whole),
        admitsEveryone: truth,
        createdAt: time,
      },
    }),
    new EntitySchema<ApplicationGroupRow>({
      name: "applicationGroup",
      tableName: "application_groups",
      columns: { applicationId: id, groupName },
    }),
    new EntitySchema<MembershipRow>({
      name: "membership",
      tableName: "memberships",
      columns: { subscriberId: id, groupName, createdAt: time },
      indices: [{ name: "memberships_group", columns: ["groupName"] }],
    }),
    new EntitySchema<SiteRow>({
      name: "site",
      tableName: "sites",
      columns: {
        applicationId: id,
        origin: text(300),
        publicPaths: { type: "simple-json" },
        allowsPreflight: truth,
      },
      indices: [{ name: "sites_origin", columns: ["origin"], unique: true }],
    }),
    new EntitySchema<MailRow>({
      name: "mail",
      tableName: "mails",
      columns: {
        id,
        eventId: ref,
        subscriberId: ref,
        kind: text(30),
        recipient: text(254),
        detail: text(),
        epoch: whole,
        state: text(20),
        tries: whole,
        dueAt: time,
        leaseUntil: nullable(time),
        createdAt: time,
        settledAt: nullable(time),
        failure: text(),
      },
      indices: [
        { name: "mails_due", columns: ["dueAt"], where: "state = 'due'" },
        { name: "mails_subscriber", columns: ["subscriberId", "kind", "createdAt"] },
        { name: "mails_created", columns: ["createdAt"] },
      ],
    }),
    new EntitySchema<LinkRow>({
      name: "link",
      tableName: "links",
      columns: {
        tokenHash: id,
        mailId: ref,
        purpose: text(20),
        subscriberId: ref,
        address: text(254),
        epoch: nullable(whole),
        createdAt: time,
        expiresAt: time,
        usedAt: nullable(time),
      },
      indices: [
        { name: "links_mail", columns: ["mailId"] },
        { name: "links_subscriber", columns: ["subscriberId"] },
        { name: "links_expiry", columns: ["expiresAt"] },
      ],
    }),
    new EntitySchema<ResetRequestRow>({
      name: "resetRequest",
      tableName: "reset_requests",
      columns: { id, typed: text(254), address: text(64), browserLabel: text(120), at: time },
      indices: [{ name: "reset_requests_at", columns: ["at"] }],
    }),
    new EntitySchema<GateTicketRow>({
      name: "gateTicket",
      tableName: "gate_tickets",
      columns: {
        keyHash: id,
        applicationId: ref,
        signInId: ref,
        subscriberId: ref,
        visitHash: text(64),
        expiresAt: time,
        usedAt: nullable(time),
      },
      indices: [{ name: "gate_tickets_expiry", columns: ["expiresAt"] }],
    }),
    new EntitySchema<GateSessionRow>({
      name: "gateSession",
      tableName: "gate_sessions",
      columns: { keyHash: id, applicationId: ref, signInId: ref, subscriberId: ref, createdAt: time },
      indices: [
        { name: "gate_sessions_sign_in", columns: ["signInId"] },
        { name: "gate_sessions_subscriber", columns: ["subscriberId"] },
      ],
    }),
  ];
}
