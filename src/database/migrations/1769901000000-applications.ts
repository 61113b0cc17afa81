import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Applications, whom they admit, and what sessions tell them. It only adds: a session that the release before opens gets the
 * rest when it is first read.
 */
export class Applications1769901000000 implements MigrationInterface {
  readonly name = "Applications1769901000000";

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === "postgres";
    const time = isPostgres ? "timestamptz(3)" : "datetime";
    for (const column of [
      `subscribers ADD COLUMN email_verified_at ${time}`,
      `subscribers ADD COLUMN disabled_at ${time}`,
      "sessions ADD COLUMN sign_in_id varchar(64)",
      "sessions ADD COLUMN methods varchar(120)",
      `sessions ADD COLUMN authenticated_at ${time}`,
      `attempts ADD COLUMN was_texted boolean NOT NULL DEFAULT ${isPostgres ? "false" : "0"}`,
    ])
      await runner.query(`ALTER TABLE ${column}`);
    await runner.query("CREATE INDEX sessions_sign_in ON sessions (sign_in_id)");
    await runner.query(`CREATE TABLE applications (
      id varchar(64) NOT NULL PRIMARY KEY,
      kind varchar(10) NOT NULL,
      name varchar(120) NOT NULL,
      level integer NOT NULL,
      max_age_seconds integer,
      admits_everyone boolean NOT NULL,
      created_at ${time} NOT NULL
    )`);
    await runner.query(`CREATE TABLE application_groups (
      application_id varchar(64) NOT NULL,
      group_name varchar(63) NOT NULL,
      PRIMARY KEY (application_id, group_name)
    )`);
    await runner.query(`CREATE TABLE memberships (
      subscriber_id varchar(64) NOT NULL,
      group_name varchar(63) NOT NULL,
      created_at ${time} NOT NULL,
      PRIMARY KEY (subscriber_id, group_name)
    )`);
    await runner.query("CREATE INDEX memberships_group ON memberships (group_name)");
    await runner.query(`CREATE TABLE sites (
      application_id varchar(64) NOT NULL PRIMARY KEY,
      origin varchar(300) NOT NULL,
      public_paths text NOT NULL,
      allows_preflight boolean NOT NULL
    )`);
    await runner.query("CREATE UNIQUE INDEX sites_origin ON sites (origin)");
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ["sites", "memberships", "application_groups", "applications"])
      await runner.query(`DROP TABLE ${table}`);
    await runner.query("DROP INDEX sessions_sign_in");
    for (const column of [
      "attempts DROP COLUMN was_texted",
      "sessions DROP COLUMN authenticated_at",
      "sessions DROP COLUMN methods",
      "sessions DROP COLUMN sign_in_id",
      "subscribers DROP COLUMN disabled_at",
      "subscribers DROP COLUMN email_verified_at",
    ])
      await runner.query(`ALTER TABLE ${column}`);
  }
}
