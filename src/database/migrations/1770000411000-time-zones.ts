import type { MigrationInterface, QueryRunner } from "typeorm";

/** The time zone that messages to an account tell times in; null as long as none of its browsers has said one. */
export class TimeZones1770000411000 implements MigrationInterface {
  readonly name = "TimeZones1770000411000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE subscribers ADD COLUMN time_zone varchar(64)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE subscribers DROP COLUMN time_zone");
  }
}
