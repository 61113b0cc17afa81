import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from "typeorm";

/** The first tables, alike on both databases but for the type of time columns. */
export class Tables1769900000000 implements MigrationInterface {
  readonly name = "Tables1769900000000";

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === "postgres";
    const column = (name: string, type: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
      name,
      type,
      ...more,
    });
    const id = (name = "id", length = 64) => column(name, "varchar", { length: String(length), isPrimary: true });
    const text = (name: string, length = 255) => column(name, "varchar", { length: String(length) });
    const whole = (name: string) => column(name, "integer");
    const truth = (name: string) => column(name, "boolean");
    const time = (name: string) =>
      isPostgres ? column(name, "timestamptz", { precision: 3 }) : column(name, "datetime");
    const maybe = (options: TableColumnOptions): TableColumnOptions => ({ ...options, isNullable: true });
    const index = (name: string, ...columnNames: string[]) => ({ name, columnNames });
    const unique = (name: string, columnNames: string[], where?: string) => ({
      name,
      columnNames,
      isUnique: true,
      ...(where === undefined ? {} : { where }),
    });

    const tables = [
      new Table({
        name: "subscribers",
        columns: [
          id(),
          text("username", 64),
          text("username_key", 64),
          text("email", 254),
          text("password_hash"),
          whole("epoch"),
          truth("must_change_password"),
          maybe(time("push_frozen_until")),
          time("last_success_at"),
          time("created_at"),
        ],
        indices: [unique("subscribers_username", ["username_key"])],
      }),
      new Table({
        name: "factors",
        columns: [
          id(),
          text("subscriber_id", 64),
          text("type", 20),
          text("authy_id", 20),
          text("state", 20),
          time("created_at"),
          maybe(time("removed_at")),
          maybe(time("removed_upstream_at")),
        ],
        indices: [
          unique("factors_active_subscriber", ["subscriber_id"], "state = 'active'"),
          unique("factors_active_authy_id", ["authy_id"], "state = 'active'"),
        ],
      }),
      new Table({
        name: "enrolments",
        columns: [
          id(),
          text("subscriber_id", 64),
          text("session_id", 64),
          whole("epoch"),
          truth("replaces_factor"),
          text("state", 20),
          whole("version"),
          time("created_at"),
          time("expires_at"),
          maybe(time("settled_at")),
          maybe(text("settled_by", 20)),
          maybe(time("next_poll_at")),
          maybe(time("lease_until")),
        ],
        indices: [
          unique("enrolments_pending", ["subscriber_id"], "state = 'pending'"),
          index("enrolments_session", "session_id"),
        ],
      }),
      new Table({
        name: "attempts",
        columns: [
          id(),
          text("subscriber_id", 64),
          whole("epoch"),
          text("purpose", 30),
          maybe(text("session_id", 64)),
          text("browser_hash", 64),
          truth("is_known_browser"),
          truth("asks_match_code"),
          text("browser_label", 120),
          text("address", 64),
          text("next", 2048),
          truth("remember"),
          whole("tries"),
          text("state", 20),
          time("created_at"),
          time("expires_at"),
          maybe(time("granted_at")),
        ],
        indices: [
          index("attempts_subscriber", "subscriber_id", "state"),
          index("attempts_session", "session_id"),
          index("attempts_created", "created_at"),
        ],
      }),
      new Table({
        name: "attempt_keys",
        columns: [id("key_hash"), text("attempt_id", 64)],
        indices: [index("attempt_keys_attempt", "attempt_id")],
      }),
      new Table({
        name: "challenges",
        columns: [
          id(),
          text("attempt_id", 64),
          text("subscriber_id", 64),
          text("factor_id", 64),
          text("browser_hash", 64),
          truth("is_known_browser"),
          text("authy_id", 20),
          maybe(text("authy_uuid", 64)),
          text("state", 20),
          whole("version"),
          maybe(text("match_code_hash", 64)),
          maybe(text("failure", 20)),
          time("created_at"),
          time("expires_at"),
          maybe(time("settled_at")),
          maybe(text("settled_by", 20)),
          maybe(time("consumed_at")),
          maybe(time("next_poll_at")),
          maybe(time("person_asked_at")),
          maybe(time("lease_until")),
        ],
        indices: [
          unique("challenges_live_browser", ["browser_hash"], "state IN ('creating', 'pending')"),
          unique("challenges_uuid", ["authy_uuid"]),
          index("challenges_attempt", "attempt_id", "created_at"),
          index("challenges_subscriber", "subscriber_id", "created_at"),
          index("challenges_state", "state", "expires_at"),
          index("challenges_settled", "settled_at"),
        ],
      }),
      new Table({
        name: "sessions",
        columns: [
          id(),
          text("key_hash", 64),
          maybe(text("subscriber_id", 64)),
          whole("level"),
          whole("epoch"),
          text("browser_label", 120),
          text("address", 64),
          maybe(text("challenge_id", 64)),
          truth("is_remembered"),
          time("password_at"),
          time("created_at"),
          time("seen_at"),
          time("idle_until"),
          time("expires_at"),
          maybe(time("ended_at")),
          column("data", "text"),
        ],
        indices: [
          unique("sessions_key", ["key_hash"]),
          index("sessions_subscriber", "subscriber_id"),
          unique("sessions_challenge", ["challenge_id"], "ended_at IS NULL"),
          index("sessions_expiry", "idle_until"),
        ],
      }),
      new Table({
        name: "browsers",
        columns: [
          id(),
          text("subscriber_id", 64),
          text("key_hash", 64),
          text("label", 120),
          text("address", 64),
          time("first_seen_at"),
          time("last_seen_at"),
        ],
        indices: [unique("browsers_key", ["subscriber_id", "key_hash"])],
      }),
      new Table({
        name: "recovery_codes",
        columns: [id(), text("subscriber_id", 64), text("code_hash", 64), maybe(time("used_at")), time("created_at")],
        indices: [unique("recovery_codes_code", ["subscriber_id", "code_hash"])],
      }),
      new Table({
        name: "receipts",
        columns: [
          id("signature_hash"),
          text("authy_uuid", 64),
          text("authy_id", 20),
          text("status", 20),
          time("received_at"),
        ],
        indices: [index("receipts_uuid", "authy_uuid"), index("receipts_received", "received_at")],
      }),
      new Table({
        name: "failure_counts",
        columns: [id("bucket", 320), whole("count"), time("last_at")],
        indices: [index("failure_counts_last", "last_at")],
      }),
      new Table({
        name: "audit_events",
        columns: [
          id(),
          text("subscriber_id", 64),
          text("kind", 30),
          time("at"),
          text("address", 64),
          text("browser_label", 120),
          text("detail"),
        ],
        indices: [index("audit_events_subscriber", "subscriber_id", "at")],
      }),
    ];
    for (const table of tables) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    const names = [
      "audit_events",
      "failure_counts",
      "receipts",
      "recovery_codes",
      "browsers",
      "sessions",
      "challenges",
      "attempt_keys",
      "attempts",
      "enrolments",
      "factors",
      "subscribers",
    ];
    for (const name of names) await runner.dropTable(name);
  }
}
