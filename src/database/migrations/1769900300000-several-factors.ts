import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Several active factors for each person, of several types. It only adds and widens: processes of the release before go on
 * with the same tables. Where no factor is named that answered, as in their rows, it was the one that was asked.
 */
export class SeveralFactors1769900300000 implements MigrationInterface {
  readonly name = "SeveralFactors1769900300000";

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === "postgres";
    const time = isPostgres ? "timestamptz(3)" : "datetime";
    for (const column of [
      "factors ADD COLUMN label varchar(120) NOT NULL DEFAULT ''",
      `factors ADD COLUMN last_used_at ${time}`,
      `factors ADD COLUMN is_preferred boolean NOT NULL DEFAULT ${isPostgres ? "false" : "0"}`,
      "challenges ADD COLUMN factor_type varchar(20) NOT NULL DEFAULT 'authy-push'",
      "challenges ADD COLUMN answered_by varchar(64)",
      "enrolments ADD COLUMN type varchar(20) NOT NULL DEFAULT 'authy-push'",
    ])
      await runner.query(`ALTER TABLE ${column}`);
    // SQLite keeps texts of any length anyway.
    if (isPostgres)
      for (const table of ["factors", "challenges", "receipts"])
        await runner.query(`ALTER TABLE ${table} ALTER COLUMN authy_id TYPE varchar(64)`);
    await runner.query("DROP INDEX factors_active_subscriber");
    await runner.query("DROP INDEX factors_active_authy_id");
    await runner.query("CREATE INDEX factors_subscriber ON factors (subscriber_id)");
    await runner.query("CREATE UNIQUE INDEX factors_active ON factors (type, authy_id) WHERE state = 'active'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX factors_active");
    await runner.query("DROP INDEX factors_subscriber");
    await runner.query("CREATE UNIQUE INDEX factors_active_authy_id ON factors (authy_id) WHERE state = 'active'");
    await runner.query(
      "CREATE UNIQUE INDEX factors_active_subscriber ON factors (subscriber_id) WHERE state = 'active'",
    );
    if (runner.dataSource.options.type === "postgres")
      for (const table of ["receipts", "challenges", "factors"])
        await runner.query(`ALTER TABLE ${table} ALTER COLUMN authy_id TYPE varchar(20)`);
    for (const column of [
      "enrolments DROP COLUMN type",
      "challenges DROP COLUMN answered_by",
      "challenges DROP COLUMN factor_type",
      "factors DROP COLUMN is_preferred",
      "factors DROP COLUMN last_used_at",
      "factors DROP COLUMN label",
    ])
      await runner.query(`ALTER TABLE ${column}`);
  }
}
