import type { MigrationInterface, QueryRunner } from "typeorm";

/** Passkeys, the random name of an account in authenticators, and the challenges that were answered. It only adds. */
export class Passkeys1769900600000 implements MigrationInterface {
  readonly name = "Passkeys1769900600000";

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === "postgres";
    const time = isPostgres ? "timestamptz(3)" : "datetime";
    await runner.query(`CREATE TABLE passkeys (
      factor_id varchar(64) NOT NULL PRIMARY KEY,
      credential_id varchar(1400) NOT NULL,
      public_key text NOT NULL,
      counter ${isPostgres ? "bigint" : "integer"} NOT NULL,
      transports varchar(120) NOT NULL,
      can_be_backed_up boolean NOT NULL,
      is_backed_up boolean NOT NULL,
      created_at ${time} NOT NULL
    )`);
    await runner.query(`CREATE TABLE passkey_users (
      subscriber_id varchar(64) NOT NULL PRIMARY KEY,
      handle varchar(64) NOT NULL,
      created_at ${time} NOT NULL
    )`);
    await runner.query(`CREATE TABLE spent_challenges (
      challenge_hash varchar(64) NOT NULL PRIMARY KEY,
      spent_at ${time} NOT NULL
    )`);
    await runner.query("CREATE INDEX spent_challenges_spent ON spent_challenges (spent_at)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE spent_challenges");
    await runner.query("DROP TABLE passkey_users");
    await runner.query("DROP TABLE passkeys");
  }
}
