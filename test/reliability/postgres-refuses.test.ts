import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import pg from "pg";

import { callbackBody, signCallback } from "../kit/authy.js";
import { startPostgres, type TestPostgres } from "../kit/postgres.js";
import { type Program, startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";

const PASSWORD = "correct horse battery";
/** A role as a deployment has it: no superuser, with a password. */
const ROLE = "app";

/** What goes wrong with the server while people use it, and how it is put right. */
interface Trouble {
  readonly code: string;
  readonly what: string;
  readonly begin: (postgres: TestPostgres) => Promise<unknown>;
  readonly end: (postgres: TestPostgres) => Promise<unknown>;
  /** Whether only writing shows it. */
  readonly isHidden?: boolean;
}

/** The tables that a password and a callback write to. */
const WRITTEN = ["failure_counts", "receipts", "sessions"];
/** Connections that are open already notice nothing of what is refused at their beginning. */
const CUT = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${ROLE}'`;

const TROUBLES: readonly Trouble[] = [
  {
    code: "25006",
    what: "is read-only, and stays so for those who came meanwhile",
    begin: async (postgres) => {
      await postgres.run(`ALTER ROLE ${ROLE} SET default_transaction_read_only = on`);
      await postgres.run(CUT);
    },
    end: (postgres) => postgres.run(`ALTER ROLE ${ROLE} RESET default_transaction_read_only`),
  },
  {
    code: "53100",
    what: "has a full disk",
    isHidden: true,
    begin: async (postgres) => {
      const full = "RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'";
      await postgres.run(
        `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${full}; END $$`,
        ROLE,
      );
      for (const table of WRITTEN)
        await postgres.run(
          `CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON ${table} EXECUTE FUNCTION full_disk()`,
          ROLE,
        );
    },
    end: (postgres) => postgres.run("DROP FUNCTION full_disk CASCADE", ROLE),
  },
  {
    code: "28P01",
    what: "has another password for us",
    begin: async (postgres) => {
      await postgres.run(`ALTER ROLE ${ROLE} PASSWORD 'another'`);
      await postgres.run(CUT);
    },
    end: (postgres) => postgres.run(`ALTER ROLE ${ROLE} PASSWORD '${ROLE}'`),
  },
  {
    code: "3D000",
    what: "has lost the database",
    begin: async (postgres) => {
      await postgres.run(`ALTER DATABASE ${ROLE} ALLOW_CONNECTIONS false`);
      await postgres.run(CUT);
      const rename = () =>
        postgres.run(`ALTER DATABASE ${ROLE} RENAME TO elsewhere`).then(
          () => true,
          () => false,
        );
      await until(rename, "the database stayed in use");
    },
    end: async (postgres) => {
      await postgres.run(`ALTER DATABASE elsewhere RENAME TO ${ROLE}`);
      await postgres.run(`ALTER DATABASE ${ROLE} ALLOW_CONNECTIONS true`);
    },
  },
  {
    code: "42501",
    what: "lets us read and no more",
    begin: (postgres) =>
      postgres.run(`REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM ${ROLE}`, ROLE),
    end: (postgres) => postgres.run(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${ROLE}`, ROLE),
  },
  {
    code: "42P01",
    what: "is being restored and lacks a table",
    isHidden: true,
    begin: async (postgres) => {
      for (const table of WRITTEN) await postgres.run(`ALTER TABLE ${table} RENAME TO ${table}_away`, ROLE);
    },
    end: async (postgres) => {
      for (const table of WRITTEN) await postgres.run(`ALTER TABLE ${table}_away RENAME TO ${table}`, ROLE);
    },
  },
  {
    code: "57P03",
    what: "is shutting down",
    begin: async (postgres) => {
      // As long as somebody is there, it does not end.
      const last = new pg.Client(postgres.url("postgres"));
      last.on("error", () => undefined);
      await last.connect();
      postgres.startToShutDown();
      const isRefused = () =>
        postgres.run("SELECT 1").then(
          () => false,
          () => true,
        );
      await until(isRefused, "it goes on");
      await last.query(CUT);
    },
    end: (postgres) => postgres.restart(),
  },
];

describe("PostgreSQL refuses", () => {
  const ends: (() => void | Promise<void>)[] = [];
  let postgres: TestPostgres | undefined;
  let program: Program | undefined;

  before(async () => {
    const owner = { after: (end: () => void | Promise<void>) => ends.push(end) };
    postgres = await startPostgres(owner, { access: [`host all ${ROLE} 127.0.0.1/32 scram-sha-256`] });
    await postgres.run(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${ROLE}'`);
    await postgres.run(`CREATE DATABASE ${ROLE} OWNER ${ROLE}`);
    const url = `postgres://${ROLE}:${ROLE}@127.0.0.1:${postgres.port}/${ROLE}`;
    program = await startProgram(owner, { database: { url }, env: { FAILURE_WAIT_SECONDS: "0" } });
    const browser = program.openBrowser();
    const form = { username: "alice", email: "alice@example.com", password: PASSWORD };
    const { url: at } = await browser.submit(await browser.visit("/register"), "/register", form);
    assert.notEqual(at.pathname, "/register");
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  it("K22 gives us six connections: 96 pages at once wait for one of them", async () => {
    const browser = program!.openBrowser();
    await browser.submit(await browser.visit("/login"), "/login", { username: "alice", password: PASSWORD });
    await postgres!.run(`ALTER ROLE ${ROLE} CONNECTION LIMIT 6`);
    await postgres!.run(CUT);
    await until(async () => (await browser.get("/account")).status === 200, "no page came");
    const pages = await Promise.all(Array.from({ length: 96 }, () => browser.visit("/account")));
    const answers = pages.map(({ status, url }) => `${url.pathname} ${status}`);
    assert.deepEqual([...new Set(answers)], ["/account 200"]);
    const open = await postgres!.run(`SELECT 1 FROM pg_stat_activity WHERE usename = '${ROLE}'`);
    assert.ok(open.length <= 6, `${open.length} connections`);
    await postgres!.run(`ALTER ROLE ${ROLE} CONNECTION LIMIT -1`);
  });

  const callback = async (): Promise<Response> => {
    const { AUTHY_CALLBACK_URL: url = "", AUTHY_PRODUCTION_API_KEY: key = "" } = program!.env;
    const { headers, body } = signCallback(callbackBody("11111111-2222-3333-4444-555555555555", "1", "approved"), {
      key,
      url,
    });
    return fetch(url, { method: "POST", headers, body });
  };

  for (const { code, what, begin, end, isHidden = false } of TROUBLES)
    it(`K12 ${code}: it ${what}: 503 for a password and a callback, and all is well again at once`, async () => {
      const browser = program!.openBrowser();
      const form = await browser.visit("/login");
      const signIn = () => browser.submit(form, "/login", { username: "alice", password: PASSWORD });
      const readyz = async (): Promise<number> => (await fetch(`${program!.site}/readyz`)).status;
      await begin(postgres!);

      const refused = await signIn();
      assert.equal(refused.status, 503);
      assert.ok(Number(refused.headers["retry-after"]) >= 1, "Retry-After of the form");
      const called = await callback();
      assert.equal(called.status, 503);
      assert.ok(Number(called.headers.get("retry-after")) >= 1, "Retry-After of the callback");
      if (!isHidden) assert.equal(await readyz(), 503);
      const tell = async () => {
        assert.equal((await callback()).status, 503);
        return program!.web.lines.find(({ msg, code: its }) => msg === "request failed" && its === code);
      };
      const told = await until(tell, `no line of the log had ${code}`);
      assert.match(JSON.stringify(told["reason"]), /the database cannot be used now: \w+/, "the server's words");

      await end(postgres!);
      assert.equal((await signIn()).url.pathname, "/account");
      assert.equal((await callback()).status, 200);
      assert.equal(await readyz(), 200);
      assert.ok([program!.web, ...program!.workers].every(({ hasExited }) => !hasExited));
    });
});
