import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { postgresAddress, WrongPostgresAddress } from "../../src/database/address.js";

describe("K23 the address of PostgreSQL", () => {
  let folder = "";
  let authority = "";
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "countersign-address-"));
    authority = path.join(folder, "authority.pem");
    writeFileSync(authority, "a certificate");
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("has a host, a port, a login and a name, written as anybody writes them", () => {
    const read = (address: string) => {
      const { host, port, user, password, database } = postgresAddress(address);
      return [host, port, user, password, database];
    };
    assert.deepEqual(read("postgres://ann:pass@db.example.com:6432/main"), [
      ...["db.example.com", 6432, "ann", "pass", "main"],
    ]);
    assert.deepEqual(read("postgresql://ann@[::1]/main"), ["::1", undefined, "ann", undefined, "main"]);
    assert.deepEqual(read("postgres://ann:p%40ss%2Fw%25@db/ma%20in").slice(2), ["ann", "p@ss/w%", "ma in"]);
    assert.deepEqual(read("postgres://ann:p@ss@db/main").slice(2), ["ann", "p@ss", "main"]);
    assert.deepEqual(read("postgres:///main"), [undefined, undefined, undefined, undefined, "main"]);
    assert.deepEqual(read("postgres://?host=db&user=ann&password=p&dbname=main&port=1"), ["db", 1, "ann", "p", "main"]);
  });

  it("may be a socket's folder, in every usual form", () => {
    for (const address of [
      "postgres:///main?host=/var/run/postgresql",
      "postgres://%2Fvar%2Frun%2Fpostgresql/main",
      "postgres://ann:pass@/main?host=/var/run/postgresql",
      "postgres://ann@%2Fvar%2Frun%2Fpostgresql:5433/main",
      "postgres:///main?host=%2Fvar%2Frun%2Fpostgresql&sslmode=verify-full",
    ]) {
      const { host, database, ssl } = postgresAddress(address);
      assert.deepEqual([host, database, ssl], ["/var/run/postgresql", "main", false], address);
    }
    assert.equal(postgresAddress("postgres://ann:pass@/main?host=/run").password, "pass");
  });

  it("says how the connection is encrypted, as PostgreSQL's own programs mean it", () => {
    const ssl = (query: string) => postgresAddress(`postgres://db/main?${query}`).ssl;
    const anyName = (query: string): boolean => {
      const options = ssl(query);
      return typeof options === "object" && options.checkServerIdentity !== undefined;
    };
    assert.equal(ssl(""), undefined, "PGSSLMODE decides");
    assert.equal(ssl("sslmode=disable"), false);
    assert.equal(ssl("ssl=false"), false);
    assert.deepEqual(ssl("sslmode=require"), { rejectUnauthorized: false });
    assert.deepEqual(ssl("sslmode=no-verify"), { rejectUnauthorized: false });
    assert.deepEqual(ssl("ssl=no-verify"), { rejectUnauthorized: false });
    for (const query of ["sslmode=verify-full", "ssl=true", "sslmode=verify-full&sslrootcert=system"])
      assert.deepEqual(ssl(query), {}, query);
    const own = `sslmode=verify-full&sslrootcert=${authority}&sslcert=${authority}&sslkey=${authority}&sslpassword=p`;
    const certificate = "a certificate";
    assert.deepEqual(ssl(own), { ca: certificate, cert: certificate, key: certificate, passphrase: "p" });
    assert.equal(anyName(own), false);
    for (const mode of ["require", "verify-ca"])
      assert.equal(anyName(`sslmode=${mode}&sslrootcert=${authority}`), true, mode);
  });

  it("may say how long to wait, who asks, and what else the server is told", () => {
    const { connectionTimeoutMillis, application_name, options, enableChannelBinding } = postgresAddress(
      "postgres://db/main?connect_timeout=5&application_name=sign-in&options=-c%20search_path%3Dx&channel_binding=prefer",
    );
    assert.deepEqual(
      [connectionTimeoutMillis, application_name, options, enableChannelBinding],
      [5000, "sign-in", "-c search_path=x", true],
    );
    assert.equal(postgresAddress("postgres://db/main").connectionTimeoutMillis, 1000);
  });

  for (const [url, says] of [
    ["mysql://x", /must be sqlite:PATH, postgres:\/\//],
    ["socket:/var/run/postgresql?db=main", /postgres:\/\/USER@\/NAME\?host=\/FOLDER/],
    ["postgres://:::", /must be sqlite:PATH, postgres:\/\//],
    ["postgres://ann@/main", /must be sqlite:PATH, postgres:\/\//],
    ["postgres://ann:s3cret/x@db/main", /write \/ as %2F/],
    ["postgres://ann:12/x@db/main", /write \/ as %2F/],
    ["postgres://ann:s3cret?x@db/main", /\? as %3F/],
    ["postgres://ann:s3cret#x@db/main", /%23/],
    ["postgres://ann:s3cret%x@db/main", /write it as %25/],
    ["postgres://ann:s3cret x@db/main", /%20/],
    ["postgres://one:5432,two:5432/main", /several hosts: give one/],
    ["postgres:///main?host=one,two", /several hosts: give one/],
    ["postgres:///main?host=/run/.s.PGSQL.5432", /the folder that it is in/],
    ["postgres://db/main?port=no", /port that is no whole number/],
    ["postgres://db/main?connect_timeout=0", /connect_timeout that is no whole number from 1 to 60/],
    ["postgres://db/main?sslmod=require", /\?sslmod=, which is not understood: leave it out/],
    ["postgres://db/main?pgbouncer=true", /\?pgbouncer=, which is not understood: leave it out/],
    ["postgres://db/main?sslmode=prefer", /write sslmode=verify-full, or require, or disable/],
    ["postgres://db/main?sslmode=allow", /write sslmode=verify-full, or require, or disable/],
    ["postgres://db/main?sslmode=yes", /none of disable, require, verify-ca, verify-full and no-verify/],
    ["postgres://db/main?ssl=yes", /none of disable, require, verify-ca, verify-full and no-verify/],
    ["postgres://db/main?sslmode=verify-ca", /add sslrootcert=FILE, or write sslmode=verify-full/],
    ["postgres://db/main?sslmode=require&sslrootcert=system", /write sslmode=verify-full with it/],
    ["postgres://db/main?sslrootcert=/nowhere.pem", /add sslmode=verify-full/],
    ["postgres://db/main?sslmode=verify-full&sslrootcert=/nowhere.pem", /sslrootcert that cannot be read \(ENOENT\)/],
    ["postgres://db/main?channel_binding=require", /leave it out and write sslmode=verify-full/],
  ] as const)
    it(`is refused with what to write instead: ${url}`, () => {
      assert.throws(
        () => postgresAddress(url),
        (error: unknown) => {
          assert.ok(error instanceof WrongPostgresAddress);
          assert.match(error.message, says);
          assert.doesNotMatch(error.message, /s3cret/, "the password is told to nobody");
          return true;
        },
      );
    });
});
