import type { MigrationInterface, QueryRunner } from "typeorm";

/** Moving over from Authy: which factor takes whose place, since when it works, and who was asked lately. It only adds. */
export class Moving1769900800000 implements MigrationInterface {
  readonly name = "Moving1769900800000";

  async up(runner: QueryRunner): Promise<void> {
    const time = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query("ALTER TABLE factors ADD COLUMN replaces_id varchar(64)");
    await runner.query(`ALTER TABLE factors ADD COLUMN proved_at ${time}`);
    await runner.query(`ALTER TABLE subscribers ADD COLUMN move_rests_until ${time}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE subscribers DROP COLUMN move_rests_until");
    await runner.query("ALTER TABLE factors DROP COLUMN proved_at");
    await runner.query("ALTER TABLE factors DROP COLUMN replaces_id");
  }
}
