import { PASSWORD, attackProgram } from "./attacked-program.js";
import { type Attack, inParallel } from "./attack.js";
import { callbackBody, signCallback } from "../../kit/authy.js";
import type { Rows } from "../../kit/rows.js";

/** Not the receipts: a replay leaves one, which says no more than that it came. */
const TABLES = ["challenges", "attempts", "sessions", "factors", "enrolments", "subscribers", "audit_events"];

/** A real approval that somebody recorded, sent again and again after it was used, while another request is open. */
export const replays: Attack = {
  name: "replays",
  what: "replays of a real callback",
  full: 10_000,
  short: 300,
  run: (count, progress) =>
    attackProgram({ APPROVAL_TTL_SECONDS: "3600", MATCH_CODE: "never" }, async (attacked) => {
      const target = await attacked.addTarget();
      const browser = attacked.openBrowser();
      const login = { username: target.username, password: PASSWORD };
      await browser.post("/login", login);
      const uuid = (await attacked.program.phone.requests(target.authyId))[0]?.uuid ?? "";
      const body = callbackBody(uuid, target.authyId, "approved");
      const recorded = signCallback(body, { key: attacked.apiKey, url: attacked.callbackUrl });
      await browser.send("POST", "/webhooks/authy/onetouch", recorded);
      await browser.post("/login/approval/finish");
      if ((await browser.get("/account")).status !== 200) throw new Error("the real callback signed nobody in");
      await browser.post("/logout");
      await browser.post("/login", login); // what a replay would have to open

      const before = snapshot(attacked.program.rows);
      const sender = attacked.openBrowser();
      const reordered = { ...recorded, body: JSON.stringify(Object.fromEntries(Object.entries(body).reverse())) };
      const spaced = { ...recorded, body: JSON.stringify(body, null, 2) };
      let odd = 0;
      await inParallel(
        count,
        32,
        async (at) => {
          const one = [recorded, recorded, reordered, spaced][at % 4] ?? recorded;
          if ((await sender.send("POST", "/webhooks/authy/onetouch", one)).status !== 200) odd += 1;
          if (at % 500 === 0) await browser.post("/login/approval/finish");
        },
        progress,
      );
      const effects = differences(before, snapshot(attacked.program.rows));
      const isIn = (await browser.get("/account")).status === 200;
      return {
        seen: `${effects.length} rows changed${isIn ? ", signed in" : ""}, ${odd} answers other than 200`,
        allowed: "0 effects",
        isKept: effects.length === 0 && !isIn && odd === 0,
      };
    }),
};

/** What the person's own looks at a waiting request leave behind. */
const OWN_MARKS = new Set(["person_asked_at", "lease_until", "next_poll_at"]);

function snapshot(rows: Rows): string[] {
  return TABLES.flatMap((table) =>
    rows
      .all(`SELECT * FROM ${table}`)
      .map((row) => `${table} ${JSON.stringify(Object.entries(row).filter(([name]) => !OWN_MARKS.has(name)))}`),
  ).sort();
}

function differences(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before);
  return after.filter((row) => !known.has(row));
}
