import type { MigrationInterface, QueryRunner } from "typeorm";

/** The credential by which a phone of our own asks its owner to unlock an approval. It only adds. */
export class PhoneVerification1770000100000 implements MigrationInterface {
  readonly name = "PhoneVerification1770000100000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE phone_keys ADD COLUMN credential_id varchar(1400)");
    await runner.query("ALTER TABLE phone_keys ADD COLUMN credential_hash varchar(64)");
    await runner.query("ALTER TABLE phone_keys ADD COLUMN credential_key text");
    await runner.query("CREATE INDEX phone_keys_credential ON phone_keys (credential_hash)");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX phone_keys_credential");
    await runner.query("ALTER TABLE phone_keys DROP COLUMN credential_key");
    await runner.query("ALTER TABLE phone_keys DROP COLUMN credential_hash");
    await runner.query("ALTER TABLE phone_keys DROP COLUMN credential_id");
  }
}
