import type { MigrationInterface, QueryRunner } from "typeorm";

/** Clients of OpenID Connect, what was given to them, the keys that sign it, and the notices that it has ended. */
export class OpenIdConnect1769901200000 implements MigrationInterface {
  readonly name = "OpenIdConnect1769901200000";

  async up(runner: QueryRunner): Promise<void> {
    const time = runner.dataSource.options.type === "postgres" ? "timestamptz(3)" : "datetime";
    await runner.query(`CREATE TABLE clients (
      id varchar(64) NOT NULL PRIMARY KEY,
      kind varchar(10) NOT NULL,
      redirect_uris text NOT NULL,
      logout_redirect_uris text NOT NULL,
      back_channel_uri varchar(1024),
      origins text NOT NULL,
      jwks text,
      asks_consent boolean NOT NULL,
      may_stay_offline boolean NOT NULL,
      created_at ${time} NOT NULL
    )`);
    await runner.query(`CREATE TABLE client_secrets (
      hash varchar(64) NOT NULL PRIMARY KEY,
      client_id varchar(64) NOT NULL,
      created_at ${time} NOT NULL,
      expires_at ${time}
    )`);
    await runner.query("CREATE INDEX client_secrets_client ON client_secrets (client_id)");
    await runner.query(`CREATE TABLE signing_keys (
      kid varchar(64) NOT NULL PRIMARY KEY,
      algorithm varchar(10) NOT NULL,
      state varchar(10) NOT NULL,
      public_key text NOT NULL,
      sealed text NOT NULL,
      created_at ${time} NOT NULL,
      state_since ${time} NOT NULL
    )`);
    for (const state of ["next", "current"])
      await runner.query(
        `CREATE UNIQUE INDEX signing_keys_${state} ON signing_keys (algorithm) WHERE state = '${state}'`,
      );
    await runner.query(`CREATE TABLE oidc_records (
      id varchar(64) NOT NULL PRIMARY KEY,
      model varchar(40) NOT NULL,
      user_code_hash varchar(64),
      grant_id varchar(64),
      client_id varchar(64),
      subscriber_id varchar(64),
      sign_in_id varchar(64),
      epoch integer,
      outlives boolean NOT NULL,
      payload text NOT NULL,
      created_at ${time} NOT NULL,
      expires_at ${time} NOT NULL,
      consumed_at ${time}
    )`);
    await runner.query("CREATE UNIQUE INDEX oidc_records_user_code ON oidc_records (user_code_hash)");
    await runner.query("CREATE INDEX oidc_records_grant ON oidc_records (grant_id)");
    await runner.query("CREATE INDEX oidc_records_sign_in ON oidc_records (sign_in_id)");
    await runner.query("CREATE INDEX oidc_records_subscriber ON oidc_records (subscriber_id)");
    await runner.query("CREATE INDEX oidc_records_client ON oidc_records (client_id)");
    await runner.query("CREATE INDEX oidc_records_expiry ON oidc_records (expires_at)");
    await runner.query(`CREATE TABLE logout_notices (
      id varchar(140) NOT NULL PRIMARY KEY,
      client_id varchar(64) NOT NULL,
      subscriber_id varchar(64) NOT NULL,
      sign_in_id varchar(64),
      state varchar(10) NOT NULL,
      tries integer NOT NULL,
      created_at ${time} NOT NULL,
      next_try_at ${time}
    )`);
    await runner.query("CREATE INDEX logout_notices_due ON logout_notices (next_try_at)");
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ["logout_notices", "oidc_records", "signing_keys", "client_secrets", "clients"])
      await runner.query(`DROP TABLE ${table}`);
  }
}
