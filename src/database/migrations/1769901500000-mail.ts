import type { MigrationInterface, QueryRunner } from "typeorm";

/** Messages, the links in them, requests for a new password, and an address that is not confirmed yet. */
export class Mail1769901500000 implements MigrationInterface {
  readonly name = "Mail1769901500000";

  async up(runner: QueryRunner): Promise<void> {
    const time = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query("ALTER TABLE audit_events ADD COLUMN exact_kind varchar(30)");
    await runner.query("ALTER TABLE subscribers ADD COLUMN pending_email varchar(254)");
    await runner.query("CREATE INDEX subscribers_email ON subscribers (lower(email))");
    await runner.query(`CREATE TABLE mails (
      id varchar(64) NOT NULL PRIMARY KEY,
      event_id varchar(64) NOT NULL,
      subscriber_id varchar(64) NOT NULL,
      kind varchar(30) NOT NULL,
      recipient varchar(254) NOT NULL,
      detail varchar(255) NOT NULL,
      epoch integer NOT NULL,
      state varchar(20) NOT NULL,
      tries integer NOT NULL,
      due_at ${time} NOT NULL,
      lease_until ${time},
      created_at ${time} NOT NULL,
      settled_at ${time},
      failure varchar(255) NOT NULL
    )`);
    await runner.query("CREATE INDEX mails_due ON mails (due_at) WHERE state = 'due'");
    await runner.query("CREATE INDEX mails_subscriber ON mails (subscriber_id, kind, created_at)");
    await runner.query("CREATE INDEX mails_created ON mails (created_at)");
    await runner.query(`CREATE TABLE links (
      token_hash varchar(64) NOT NULL PRIMARY KEY,
      mail_id varchar(64) NOT NULL,
      purpose varchar(20) NOT NULL,
      subscriber_id varchar(64) NOT NULL,
      address varchar(254) NOT NULL,
      epoch integer,
      created_at ${time} NOT NULL,
      expires_at ${time} NOT NULL,
      used_at ${time}
    )`);
    await runner.query("CREATE INDEX links_mail ON links (mail_id)");
    await runner.query("CREATE INDEX links_subscriber ON links (subscriber_id)");
    await runner.query("CREATE INDEX links_expiry ON links (expires_at)");
    await runner.query(`CREATE TABLE reset_requests (
      id varchar(64) NOT NULL PRIMARY KEY,
      typed varchar(254) NOT NULL,
      address varchar(64) NOT NULL,
      browser_label varchar(120) NOT NULL,
      at ${time} NOT NULL
    )`);
    await runner.query("CREATE INDEX reset_requests_at ON reset_requests (at)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE reset_requests");
    await runner.query("DROP TABLE links");
    await runner.query("DROP TABLE mails");
    await runner.query("DROP INDEX subscribers_email");
    await runner.query("ALTER TABLE subscribers DROP COLUMN pending_email");
    await runner.query("ALTER TABLE audit_events DROP COLUMN exact_kind");
  }
}
