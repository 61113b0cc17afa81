import { randomUUID } from "node:crypto";
import Database from "better-sqlite3";

/** A row as SQLite has it. */
export type Row = Readonly<Record<string, string | number | null>>;

/** The program's SQLite file, looked at from outside. */
export interface Rows {
  all(sql: string, ...values: unknown[]): Row[];
  one(sql: string, ...values: unknown[]): Row | undefined;
  count(sql: string, ...values: unknown[]): number;
  run(sql: string, ...values: unknown[]): void;
  /** Enrols a phone without a page. */
  addPhone(username: string, authyId: number | string): void;
  close(): void;
}

/** @param url - `sqlite:PATH` */
export function openRows(url: string): Rows {
  const database = new Database(url.replace(/^sqlite:/, ""), { timeout: 5000 });
  const rows: Rows = {
    all: (sql, ...values) => database.prepare(sql).all(...values) as Row[],
    one: (sql, ...values) => database.prepare(sql).get(...values) as Row | undefined,
    count: (sql, ...values) =>
      Number(
        database
          .prepare(sql)
          .pluck()
          .get(...values),
      ),
    run(sql, ...values) {
      database.prepare(sql).run(...values);
    },
    addPhone(username, authyId) {
      rows.run(
        `INSERT INTO factors (id, subscriber_id, type, authy_id, state, created_at)
         SELECT ?, id, 'authy-push', ?, 'active', created_at FROM subscribers WHERE username_key = ?`,
        randomUUID(),
        String(authyId),
        username.toLowerCase(),
      );
    },
    close() {
      database.close();
    },
  };
  return rows;
}

/** What must hold at any time. @returns a line for each row that breaks it. */
export function brokenInvariants(rows: Rows): string[] {
  const checks: [string, string][] = [
    [
      "a level-2 session whose challenge was not consumed, or is of another account",
      `SELECT s.id FROM sessions s JOIN challenges c ON c.id = s.challenge_id
       WHERE s.level = 2 AND (c.state <> 'consumed' OR c.subscriber_id <> s.subscriber_id)`,
    ],
    [
      "two living sessions of one approval",
      "SELECT challenge_id AS id FROM sessions WHERE challenge_id IS NOT NULL AND ended_at IS NULL GROUP BY 1 HAVING count(*) > 1",
    ],
    [
      "two live challenges in one browser",
      "SELECT browser_hash AS id FROM challenges WHERE state IN ('creating', 'pending') GROUP BY 1 HAVING count(*) > 1",
    ],
    [
      "an approval without evidence",
      `SELECT id FROM challenges WHERE state IN ('approved', 'consumed', 'lapsed')
       AND (settled_by NOT IN ('callback', 'webhook', 'poll') OR settled_at IS NULL OR authy_uuid IS NULL)`,
    ],
    [
      "more than one arrow out of pending",
      "SELECT id FROM challenges WHERE version > 3 OR (state IN ('denied', 'expired', 'superseded', 'cancelled') AND version > 2)",
    ],
    [
      "two approvals spent for one attempt",
      "SELECT attempt_id AS id FROM challenges WHERE state = 'consumed' GROUP BY 1 HAVING count(*) > 1",
    ],
  ];
  return checks.flatMap(([what, sql]) => rows.all(sql).map((row) => `${what}: ${row["id"] ?? ""}`));
}
