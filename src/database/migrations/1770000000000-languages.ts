import type { MigrationInterface, QueryRunner } from "typeorm";

/** The language of an account; null for one that was opened before there was a choice. */
export class Languages1770000000000 implements MigrationInterface {
  readonly name = "Languages1770000000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE subscribers ADD COLUMN language varchar(10)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE subscribers DROP COLUMN language");
  }
}
