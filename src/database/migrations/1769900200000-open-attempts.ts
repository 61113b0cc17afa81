import type { MigrationInterface, QueryRunner } from "typeorm";

/** Finds the attempts that nobody finished in time, without reading all the finished ones. */
export class OpenAttempts1769900200000 implements MigrationInterface {
  readonly name = "OpenAttempts1769900200000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("CREATE INDEX attempts_open ON attempts (expires_at) WHERE state = 'open'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX attempts_open");
  }
}
