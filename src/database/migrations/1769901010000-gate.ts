import type { MigrationInterface, QueryRunner } from "typeorm";

/** What carries a sign-in to a site behind the gate, and what keeps it there. */
export class Gate1769901010000 implements MigrationInterface {
  readonly name = "Gate1769901010000";

  async up(runner: QueryRunner): Promise<void> {
    const time = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query(`CREATE TABLE gate_tickets (
      key_hash varchar(64) NOT NULL PRIMARY KEY,
      application_id varchar(64) NOT NULL,
      sign_in_id varchar(64) NOT NULL,
      subscriber_id varchar(64) NOT NULL,
      visit_hash varchar(64) NOT NULL,
      expires_at ${time} NOT NULL,
      used_at ${time}
    )`);
    await runner.query("CREATE INDEX gate_tickets_expiry ON gate_tickets (expires_at)");
    await runner.query(`CREATE TABLE gate_sessions (
      key_hash varchar(64) NOT NULL PRIMARY KEY,
      application_id varchar(64) NOT NULL,
      sign_in_id varchar(64) NOT NULL,
      subscriber_id varchar(64) NOT NULL,
      created_at ${time} NOT NULL
    )`);
    await runner.query("CREATE INDEX gate_sessions_sign_in ON gate_sessions (sign_in_id)");
    await runner.query("CREATE INDEX gate_sessions_subscriber ON gate_sessions (subscriber_id)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE gate_sessions");
    await runner.query("DROP TABLE gate_tickets");
  }
}
