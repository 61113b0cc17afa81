import { randomUUID } from "node:crypto";
import { In, MoreThan, Not } from "typeorm";

import type { Audit, AuditEvent, AuditKind, NewEvent } from "../domain/audit.js";
import type { MailOrder } from "../domain/mail.js";
import type { AuditRow, MailRow, RowSource, SubscriberRow } from "./schema.js";

/**
 * Kinds that processes of the release before do not know and could not show: for them the line is of another kind that has
 * been there for long.
 */
const FOR_THE_RELEASE_BEFORE: Partial<Record<AuditKind, AuditKind>> = {
  disabled: "session-ended",
  enabled: "unlocked",
  "email-verified": "step-up",
  "group-joined": "step-up",
  "group-left": "step-up",
  "reset-asked": "step-up",
  "address-change-asked": "step-up",
  "address-confirmed": "step-up",
  "address-changed": "step-up",
  "address-change-undone": "step-up",
  "account-closed": "session-ended",
  "account-reopened": "unlocked",
  "account-erased": "session-ended",
  imported: "registered",
};

/** So many lines fit into one statement. */
const AT_ONCE = 500;

/**
 * The security events, in the database.
 *
 * @param isOutbox - Whether there is a mail server: without one no messages are written.
 */
export function audit(database: RowSource, isOutbox: boolean): Audit {
  const rows = database.getRepository<AuditRow>("audit");

  /** In the transaction of the event: there is no moment in which one is committed without the other. */
  async function order({ kind, to, detail = "", notWithinSeconds }: MailOrder, event: AuditRow): Promise<void> {
    const { id: eventId, subscriberId, at } = event;
    const mails = database.getRepository<MailRow>("mail");
    if (notWithinSeconds !== undefined) {
      const since = new Date(at.getTime() - notWithinSeconds * 1000);
      if (await mails.existsBy({ subscriberId, kind, createdAt: MoreThan(since) })) return;
    }
    const account = await database.getRepository<SubscriberRow>("subscriber").findOneBy({ id: subscriberId });
    const recipient = to ?? account?.email;
    if (recipient === undefined) return;
    await mails.insert({
      ...{ id: randomUUID(), eventId, subscriberId, kind, recipient, detail },
      ...{
        epoch: account?.epoch ?? 0,
        state: "due",
        tries: 0,
        dueAt: at,
        leaseUntil: null,
        createdAt: at,
        settledAt: null,
        failure: "",
      },
    });
  }

  return {
    async record({ mails = [], ...event }) {
      const row = rowOf(event);
      await rows.insert(row);
      if (isOutbox) for (const mail of mails) await order(mail, row);
    },
    async recordEach(events) {
      for (let at = 0; at < events.length; at += AT_ONCE) await rows.insert(events.slice(at, at + AT_ONCE).map(rowOf));
    },
    list: async (subscriberId, { limit, offset = 0, without = [] }) => {
      const found = await rows.find({
        where: { subscriberId, ...(without.length > 0 ? { kind: Not(In([...without])) } : {}) },
        order: { at: "DESC", id: "DESC" },
        skip: offset,
        take: limit,
      });
      return found.map(eventIn);
    },
    // Beside the accounts' own: an id is of one or the other.
    async recordOfApplication(applicationId, kind, at, detail) {
      const about = { subscriberId: applicationId, kind, exactKind: null, at, detail: detail.slice(0, 255) };
      await rows.insert({ id: randomUUID(), ...about, address: "", browserLabel: "" });
    },
    listOfApplication: (subscriberId, limit) =>
      rows.find({ where: { subscriberId }, order: { at: "DESC", id: "DESC" }, take: limit }),
  };
}

function rowOf({ origin, detail = "", kind, ...event }: Omit<NewEvent, "mails">): AuditRow {
  const before = FOR_THE_RELEASE_BEFORE[kind];
  const { address, browserLabel } = origin;
  return {
    ...event,
    ...{ id: randomUUID(), kind: before ?? kind, exactKind: before === undefined ? null : kind },
    ...{ address, browserLabel, detail },
  };
}

/** The event that a row stands for. */
export function eventIn({ exactKind, ...row }: AuditRow): AuditEvent {
  return { ...row, kind: exactKind ?? (row.kind as AuditKind) }; // an account has no application's events
}
