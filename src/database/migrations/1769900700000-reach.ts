import type { MigrationInterface, QueryRunner } from "typeorm";

/** Whether a request rings somewhere, or waits for somebody to look. */
export class Reach1769900700000 implements MigrationInterface {
  readonly name = "Reach1769900700000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE challenges ADD COLUMN reach varchar(20)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE challenges DROP COLUMN reach");
  }
}
