import { createHash, randomUUID } from "node:crypto";

import { type Browser, openBrowser } from "../../kit/browser.js";
import { brokenRows } from "../../kit/invariants.js";
import { enrolOwnPhone, openOwnPhone, type OwnPhone } from "../../kit/own-phone.js";
import type { Rows } from "../../kit/rows.js";
import { seededRandom } from "../../kit/random.js";
import { type Attack, inParallel } from "./attack.js";
import { type AttackedProgram, attackProgram, PASSWORD } from "./attacked-program.js";

const LANES = 8;
const PHONES = 3;
const PAST = "2020-01-01 00:00:00.000";

/** Three phones of one person answer, the clock and the browser end it, all at once. Each trial is judged by its rows. */
export const phoneRaces: Attack = {
  name: "phone-races",
  what: "race trials of three phones of our own",
  full: 10_000,
  short: 50,
  run: (count, progress) =>
    attackProgram(
      { LIMIT_PUSHES: "0", LIMIT_RESENDS: "0", RESEND_AFTER_SECONDS: "0", MATCH_CODE: "never" },
      async (attacked) => {
        // SQLite answers one process without a pause between two statements: only another process gets between them.
        const second = (await attacked.program.startWeb({ PUBLIC_URL: attacked.site })).port;
        const people: Racer[] = [];
        for (let n = 0; n < LANES; n++) people.push(await addRacer(attacked, n, `http://localhost:${second}`));
        const { below } = seededRandom(11);
        const violations: string[] = [];
        let signedIn = 0;
        await inParallel(
          count,
          LANES,
          async (at) => {
            const racer = people.pop();
            if (racer === undefined) throw new Error("more lanes than people");
            const told = await trial(attacked.program.rows, racer, below);
            if (told.isSignedIn) signedIn += 1;
            for (const each of told.violations) violations.push(`trial ${at}: ${each}`);
            people.push(racer);
          },
          progress,
        );
        const { double, wrong } = await brokenRows(attacked.program.database);
        violations.push(...double, ...wrong);
        const shown = violations.length === 0 ? "" : `: ${violations.slice(0, 3).join("; ")}`;
        return {
          seen: `${violations.length} violations${shown} (${signedIn} browsers got in)`,
          allowed: "0 violations",
          isKept: violations.length === 0 && signedIn > 0,
        };
      },
    ),
};

interface Racer {
  readonly username: string;
  readonly browser: Browser;
  /** Each phone with its factor; it sends its answers to either process in turn. */
  readonly phones: readonly { readonly factorId: string; readonly phone: OwnPhone }[];
}

async function addRacer(attacked: AttackedProgram, n: number, second: string): Promise<Racer> {
  const { program, site } = attacked;
  const { rows } = program;
  const username = `racer-${n}`;
  const browser = attacked.openBrowser();
  await browser.post("/register", { username, email: `${username}@example.com`, password: PASSWORD });
  const first = await enrolOwnPhone(browser);
  await browser.post("/logout");
  const factorId = String(rows.one("SELECT id FROM phone_keys WHERE key_hash = ?", first.hash)?.["id"]);
  const phones = [{ factorId, phone: first }];
  while (phones.length < PHONES) {
    const [id, phone] = [randomUUID(), openOwnPhone(site)];
    rows.run(
      `INSERT INTO factors (id, subscriber_id, type, authy_id, state, created_at)
       SELECT ?, subscriber_id, type, ?, state, created_at FROM factors WHERE id = ?`,
      ...[id, phone.hash, factorId],
    );
    rows.run(
      "INSERT INTO phone_keys (id, secret_hash, key_hash, spki, label, address, created_at) SELECT ?, ?, ?, ?, label, address, created_at FROM phone_keys WHERE id = ?",
      ...[id, randomUUID(), phone.hash, phone.keys.spki.toString("base64url"), factorId],
    );
    phones.push({ factorId: id, phone });
  }
  return {
    username,
    browser,
    phones: phones.map((each, at) => ({ ...each, phone: at % 2 ? through(each.phone, second) : each.phone })),
  };
}

/** A phone whose answers go to another process of the same site. */
function through(phone: OwnPhone, to: string): OwnPhone {
  const other = openBrowser(to);
  const origin = phone.browser.origin;
  const post: OwnPhone["post"] = (path, body) =>
    other.send("POST", path, {
      headers: { "content-type": "application/json", host: new URL(origin).host },
      body: JSON.stringify(body),
    });
  return { ...phone, post };
}

interface Told {
  readonly violations: readonly string[];
  readonly isSignedIn: boolean;
}

async function trial(
  rows: Rows,
  { username, browser, phones }: Racer,
  below: (limit: number) => number,
): Promise<Told> {
  const subscriberId = rows.one("SELECT id FROM subscribers WHERE username = ?", username)?.["id"];
  rows.run("UPDATE subscribers SET push_frozen_until = NULL WHERE id = ?", subscriberId);
  const login = () => browser.post("/login", { username, password: PASSWORD });
  await login();
  const [first] = phones;
  const [request] = (await first?.phone.requests()) ?? [];
  if (request === undefined) throw new Error("a trial has to begin with a request on the phones");
  const { id } = request;

  /** What each phone said, and whether it was told that its answer settled the request. */
  const said: { factorId: string; decision: "approve" | "deny"; hasSettled: boolean }[] = [];
  const answer = async (decision: "approve" | "deny"): Promise<void> => {
    const one = phones[below(phones.length)];
    if (one === undefined) return;
    const told = await one.phone.answer(request, decision);
    said.push({ factorId: one.factorId, decision, hasSettled: told.body.includes('"settled"') });
  };
  const finish = () => browser.post("/login/approval/finish");
  const moves: readonly (() => Promise<unknown>)[] = [
    ...Array.from({ length: 6 }, () => () => answer("approve")),
    ...Array.from({ length: 3 }, () => () => answer("deny")),
    ...[finish, finish, login],
    () => browser.post("/login/approval/cancel"),
    () => browser.post("/login/approval/resend"),
    () => {
      // The clock: its end, and the grace after it, have passed.
      rows.run("UPDATE challenges SET expires_at = ? WHERE id = ? AND state = 'pending'", PAST, id);
      return browser.get("/login/approval");
    },
  ];
  await Promise.all(Array.from({ length: 4 + below(4) }, () => (moves[below(moves.length)] ?? finish)()));
  await finish();

  const violations: string[] = [];
  const row = rows.one("SELECT state, answered_by AS who FROM challenges WHERE id = ?", id);
  const winners = said.filter(({ hasSettled }) => hasSettled);
  if (winners.length > 1) violations.push(`${winners.length} answers settled one request`);
  const [winner] = winners;
  const state = String(row?.["state"]);
  const isApproved = ["approved", "consumed", "lapsed"].includes(state);
  if (winner !== undefined) {
    if (row?.["who"] !== winner.factorId) violations.push("settled by one phone, written down to another");
    if (isApproved !== (winner.decision === "approve")) violations.push(`${winner.decision} made it ${state}`);
  } else if (isApproved || state === "denied") violations.push(`${state} without an answer that settled`);
  const session = rows.one(
    "SELECT challenge_id FROM sessions WHERE key_hash = ? AND ended_at IS NULL AND level > 0",
    createHash("sha256")
      .update(browser.cookies.get("countersign-session") ?? "")
      .digest("base64url"),
  );
  if (session !== undefined && (session["challenge_id"] !== id || state !== "consumed"))
    violations.push(`a session out of a request that is ${state}`);
  await browser.post("/logout");
  await browser.post("/login/approval/cancel");
  return { violations, isSignedIn: session !== undefined };
}
