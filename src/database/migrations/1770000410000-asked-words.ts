import type { MigrationInterface, QueryRunner } from "typeorm";

/** In which words a phone was asked, so that what it signs stays the same; null in rows of the release before. */
export class AskedWords1770000410000 implements MigrationInterface {
  readonly name = "AskedWords1770000410000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE challenges ADD COLUMN language varchar(10)");
    await runner.query("ALTER TABLE challenges ADD COLUMN named_label varchar(120)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE challenges DROP COLUMN named_label");
    await runner.query("ALTER TABLE challenges DROP COLUMN language");
  }
}
