import type { MigrationInterface, QueryRunner } from "typeorm";

/** What workers look for every second, found without reading all factors and enrolments. */
export class WorkerIndexes1770000400000 implements MigrationInterface {
  readonly name = "WorkerIndexes1770000400000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      "CREATE INDEX factors_removed ON factors (removed_at) WHERE state = 'removed' AND removed_upstream_at IS NULL",
    );
    await runner.query("CREATE INDEX enrolments_expiry ON enrolments (state, expires_at)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX enrolments_expiry");
    await runner.query("DROP INDEX factors_removed");
  }
}
