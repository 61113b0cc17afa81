import type { MigrationInterface, QueryRunner } from "typeorm";

/** The last success in a browser that the account did not know: what renews the strangers' budget of pushes. */
export class StrangersSuccess1769900100000 implements MigrationInterface {
  readonly name = "StrangersSuccess1769900100000";

  async up(runner: QueryRunner): Promise<void> {
    const type = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query(`ALTER TABLE subscribers ADD COLUMN strangers_success_at ${type}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE subscribers DROP COLUMN strangers_success_at");
  }
}
