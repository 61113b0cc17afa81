import type { MigrationInterface, QueryRunner } from "typeorm";

/** Phones of our own: the keys that they sign with, and where their browsers can be rung. */
export class OwnPhones1769900500000 implements MigrationInterface {
  readonly name = "OwnPhones1769900500000";

  async up(runner: QueryRunner): Promise<void> {
    const time = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query(`CREATE TABLE phone_keys (
      id varchar(64) NOT NULL PRIMARY KEY,
      secret_hash varchar(64) NOT NULL,
      key_hash varchar(64),
      spki varchar(160),
      label varchar(120) NOT NULL,
      address varchar(64) NOT NULL,
      created_at ${time} NOT NULL
    )`);
    await runner.query("CREATE UNIQUE INDEX phone_keys_secret ON phone_keys (secret_hash)");
    await runner.query("CREATE INDEX phone_keys_key ON phone_keys (key_hash)");
    await runner.query(`CREATE TABLE push_subscriptions (
      factor_id varchar(64) NOT NULL PRIMARY KEY,
      endpoint varchar(1024) NOT NULL,
      p256dh varchar(120) NOT NULL,
      auth varchar(40) NOT NULL,
      vapid varchar(120) NOT NULL,
      created_at ${time} NOT NULL
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE push_subscriptions");
    await runner.query("DROP TABLE phone_keys");
  }
}
