import type { MigrationInterface, QueryRunner } from "typeorm";

/** The sealed secrets of authenticator apps. */
export class TotpSecrets1769900400000 implements MigrationInterface {
  readonly name = "TotpSecrets1769900400000";

  async up(runner: QueryRunner): Promise<void> {
    const time = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query(
      `CREATE TABLE totp_secrets (factor_id varchar(64) PRIMARY KEY NOT NULL, sealed varchar(255) NOT NULL,
        last_step integer NOT NULL, created_at ${time} NOT NULL)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE totp_secrets");
  }
}
