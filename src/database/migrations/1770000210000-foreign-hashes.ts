import type { MigrationInterface, QueryRunner } from "typeorm";

/** Finds hashes that another system made among many that it did not. */
export class ForeignHashes1770000210000 implements MigrationInterface {
  readonly name = "ForeignHashes1770000210000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      "CREATE INDEX subscribers_foreign ON subscribers (id) WHERE password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'",
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX subscribers_foreign");
  }
}
