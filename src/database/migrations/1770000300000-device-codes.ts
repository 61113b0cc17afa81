import type { MigrationInterface, QueryRunner } from "typeorm";

/** Device codes are found by what a person types; attempts know the application that they were begun for. */
export class DeviceCodes1770000300000 implements MigrationInterface {
  readonly name = "DeviceCodes1770000300000";

  async up(runner: QueryRunner): Promise<void> {
    // One build of the release before had left this out of its tables.
    if (!(await runner.hasColumn("oidc_records", "user_code_hash")))
      await runner.query("ALTER TABLE oidc_records ADD COLUMN user_code_hash varchar(64)");
    await runner.query("CREATE UNIQUE INDEX IF NOT EXISTS oidc_records_user_code ON oidc_records (user_code_hash)");
    await runner.query("ALTER TABLE oidc_records ADD COLUMN refused integer NOT NULL DEFAULT 0");
    await runner.query("ALTER TABLE attempts ADD COLUMN application varchar(100)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE oidc_records DROP COLUMN refused");
    await runner.query("ALTER TABLE attempts DROP COLUMN application");
  }
}
