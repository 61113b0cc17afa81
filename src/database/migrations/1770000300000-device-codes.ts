import type { MigrationInterface, QueryRunner } from "typeorm";

/** Device codes are found by what a person types; attempts know the application that they were begun for. */
export class DeviceCodes1770000300000 implements MigrationInterface {
  readonly name = "DeviceCodes1770000300000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE oidc_records ADD COLUMN user_code_hash varchar(64)");
    await runner.query("ALTER TABLE oidc_records ADD COLUMN refused integer NOT NULL DEFAULT 0");
    await runner.query("CREATE INDEX oidc_records_user_code ON oidc_records (user_code_hash)");
    await runner.query("ALTER TABLE attempts ADD COLUMN application varchar(100)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX oidc_records_user_code");
    for (const column of ["user_code_hash", "refused"])
      await runner.query(`ALTER TABLE oidc_records DROP COLUMN ${column}`);
    await runner.query("ALTER TABLE attempts DROP COLUMN application");
  }
}
