import type { MigrationInterface, QueryRunner } from "typeorm";

/** Since when an account is closed, to be erased after a while. */
export class Closing1770000200000 implements MigrationInterface {
  readonly name = "Closing1770000200000";

  async up(runner: QueryRunner): Promise<void> {
    const time = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query(`ALTER TABLE subscribers ADD COLUMN closed_at ${time}`);
    await runner.query("CREATE INDEX subscribers_closed ON subscribers (closed_at) WHERE closed_at IS NOT NULL");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX subscribers_closed");
    await runner.query("ALTER TABLE subscribers DROP COLUMN closed_at");
  }
}
