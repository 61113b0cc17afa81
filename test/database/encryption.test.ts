import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { rootCertificates } from "node:tls";

import { openDatabase } from "../../src/database/data-source.js";
import { driverErrorOf, isDatabaseAway } from "../../src/database/errors.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";

/** @returns whether the connection is encrypted, or what went wrong: a code, else the words. */
async function encryptionOf(url: string): Promise<boolean | string> {
  try {
    const database = await openDatabase(url, { poolSize: 1 });
    try {
      const asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
      return (await database.query<{ ssl: boolean }[]>(asked))[0]?.ssl ?? "no answer";
    } finally {
      await database.destroy();
    }
  } catch (error) {
    assert.ok(isDatabaseAway(error), "a page would say 503");
    const { code, reason } = driverErrorOf(error);
    return code === "" ? reason : code;
  }
}

const AUTHORITY = path.resolve("test/kit/certificates/authority.pem");

describe("K23 a PostgreSQL whose certificate is for localhost, of an authority that only its owner knows", () => {
  const ends: (() => void | Promise<void>)[] = [];
  let postgres: TestPostgres | undefined;
  let plain: TestPostgres | undefined;
  let other = "";
  before(async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "countersign-encryption-"));
    ends.push(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    other = path.join(folder, "other.pem");
    writeFileSync(other, rootCertificates[0] ?? "");
    const owner = { after: (end: () => void | Promise<void>) => ends.push(end) };
    [postgres, plain] = await Promise.all([startPostgres(owner, { withTls: true }), startPostgres(owner)]);
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
  const OTHER_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";
  const ways: readonly (readonly [host: string, query: string, outcome: boolean | string])[] = [
    ["localhost", "", false],
    ["localhost", "sslmode=disable", false],
    ["localhost", "sslmode=require", true],
    ["localhost", "sslmode=no-verify", true],
    ["localhost", "sslmode=require&sslrootcert=AUTHORITY", true],
    ["localhost", "sslmode=require&sslrootcert=OTHER", UNKNOWN],
    ["127.0.0.1", "sslmode=verify-ca&sslrootcert=AUTHORITY", true],
    ["localhost", "sslmode=verify-ca&sslrootcert=OTHER", UNKNOWN],
    ["localhost", "sslmode=verify-full&sslrootcert=AUTHORITY", true],
    ["127.0.0.1", "sslmode=verify-full&sslrootcert=AUTHORITY", OTHER_NAME],
    ["localhost", "sslmode=verify-full&sslrootcert=OTHER", UNKNOWN],
    ["localhost", "sslmode=verify-full", UNKNOWN],
    ["localhost", "sslmode=verify-full&sslrootcert=system", UNKNOWN],
    ["localhost", "ssl=true", UNKNOWN],
    ["", "host=FOLDER", false],
    ["", "host=FOLDER&sslmode=verify-full", false],
  ];
  for (const [host, query, outcome] of ways) {
    const means =
      typeof outcome === "string" ? `is refused (${outcome})` : outcome ? "is encrypted" : "is not encrypted";
    it(`${means}: ${host || "its socket"}, ${query || "nothing said"}`, async () => {
      const { port, folder } = postgres!;
      const at = host === "" ? "" : `${host}:${port}`;
      const more = host === "" ? `&port=${port}` : "";
      const url = `postgres://countersign@${at}/postgres?${query.replace("AUTHORITY", AUTHORITY).replace("OTHER", other).replace("FOLDER", folder)}${more}`;
      assert.equal(await encryptionOf(url), outcome);
    });
  }

  for (const [mode, outcome] of [
    ["no-verify", true],
    ["verify-full", UNKNOWN],
  ] as const)
    it(`goes by PGSSLMODE=${mode} where the address says nothing, as platforms give it`, async (t) => {
      const before = process.env["PGSSLMODE"];
      t.after(() => {
        if (before === undefined) delete process.env["PGSSLMODE"];
        else process.env["PGSSLMODE"] = before;
      });
      process.env["PGSSLMODE"] = mode;
      assert.equal(await encryptionOf(`postgres://countersign@localhost:${postgres!.port}/postgres`), outcome);
    });

  it("is not used where it knows no encryption and some is asked for", async () => {
    const url = `${plain!.url("postgres")}?sslmode=require`;
    assert.equal(await encryptionOf(url), "The server does not support SSL connections");
  });

  it("is found by the folder of its socket as the host", async () => {
    const { folder, port } = plain!;
    assert.equal(await encryptionOf(`postgres://countersign@${encodeURIComponent(folder)}:${port}/postgres`), false);
  });
});
