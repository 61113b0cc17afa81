import { createHash } from "node:crypto";

import { seededRandom } from "../../kit/random.js";
import { type AttackedProgram, PASSWORD, type Target, attackProgram } from "./attacked-program.js";
import { type Attack, inParallel } from "./attack.js";
import { callbackBody, signCallback } from "../../kit/authy.js";
import { brokenRows } from "../../kit/invariants.js";
import { openBrowser, type Browser } from "../../kit/browser.js";

const LANES = 8;
const PAST = "2020-01-01 00:00:00.000";

/** Everything that can happen to a sign-in, at once, in two browsers of one person. Each trial is judged by its rows. */
export const races: Attack = {
  name: "races",
  what: "race trials in two browsers",
  full: 10_000,
  short: 50,
  run: (count, progress) =>
    attackProgram(
      {
        LIMIT_PUSHES: "0",
        LIMIT_RESENDS: "0",
        RESEND_AFTER_SECONDS: "0",
        MATCH_CODE: "never",
      },
      async (attacked) => {
        // SQLite answers one process without a pause between two statements: only another process gets between them.
        const second = (await attacked.program.startWeb()).site;
        const targets = await attacked.addTargets(LANES);
        const couples = await Promise.all(
          targets.map(async (target) => {
            const [a, b] = [await balanced(attacked, second), await balanced(attacked, second)];
            return { target, a, b };
          }),
        );
        const free = [...couples];
        const { below: roll } = seededRandom(7);
        const violations: string[] = [];
        let signedIn = 0;
        await inParallel(
          count,
          LANES,
          async (at) => {
            const couple = free.pop();
            if (couple === undefined) throw new Error("more lanes than people");
            const told = await trial(attacked, second, couple.target, couple.a, couple.b, roll);
            signedIn += told.signedIn;
            for (const each of told.violations) violations.push(`trial ${at}: ${each}`);
            free.push(couple);
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

/** One browser whose requests go to either process in turn. */
async function balanced(attacked: AttackedProgram, second: string): Promise<Browser> {
  const first = attacked.openBrowser();
  const other = openBrowser(second, { cookies: first.cookies, token: await first.token() });
  let turns = 0;
  return {
    ...first,
    post(path, fields, headers) {
      turns += 1;
      return (turns % 2 === 0 ? first : other).post(path, fields, headers);
    },
  };
}

interface Told {
  readonly violations: string[];
  readonly signedIn: number;
}

/** What is known of one browser's sign-in in a trial. */
interface Side {
  readonly browser: Browser;
  readonly browserHash: string;
  uuid: string;
  wasApproved: boolean;
}

async function trial(
  attacked: AttackedProgram,
  second: string,
  target: Target,
  a: Browser,
  b: Browser,
  roll: (below: number) => number,
): Promise<Told> {
  // A denial in the trial before has paused pushes: here every trial begins with two phones ringing.
  attacked.program.rows.run("UPDATE subscribers SET push_frozen_until = NULL WHERE id = ?", target.id);
  const login = (browser: Browser) => browser.post("/login", { username: target.username, password: PASSWORD });
  const answers = await Promise.all([login(a), login(b)]);
  const sides = [a, b].map((browser, side): Side => {
    const browserHash = createHash("sha256")
      .update(browser.cookies.get("countersign-visit") ?? "")
      .digest("base64url");
    const row = attacked.program.rows.one(
      "SELECT authy_uuid, state, failure FROM challenges WHERE browser_hash = ? ORDER BY created_at DESC LIMIT 1",
      browserHash,
    );
    if (row?.["state"] !== "pending")
      throw new Error(
        `a trial has to begin with a request on the phone, not with ${answers[side]?.status} and ${JSON.stringify(row)}`,
      );
    return { browser, browserHash, uuid: String(row["authy_uuid"]), wasApproved: false };
  });
  const callback = (side: Side, status: string) => {
    if (status === "approved") side.wasApproved = true;
    return openBrowser(roll(2) === 0 ? attacked.site : second).send("POST", "/webhooks/authy/onetouch", {
      ...signCallback(callbackBody(side.uuid, target.authyId, status), {
        key: attacked.apiKey,
        url: attacked.callbackUrl,
      }),
    });
  };
  const finish = ({ browser }: Side) => browser.post("/login/approval/finish");
  const moves: readonly ((side: Side) => Promise<unknown>)[] = [
    (side) => callback(side, "approved"),
    (side) => callback(side, "approved"),
    (side) => callback(side, "denied"),
    (side) => callback(side, "expired"),
    finish,
    finish,
    finish,
    ({ browser }) => browser.post("/login/approval/cancel"),
    ({ browser }) => browser.post("/login/approval/resend"),
    ({ browser }) => login(browser),
    ({ browser }) => browser.post("/logout"),
    (side) => {
      // The clock: its end, and the grace after it, have passed.
      attacked.program.rows.run(
        "UPDATE challenges SET expires_at = ? WHERE authy_uuid = ? AND state = 'pending'",
        PAST,
        side.uuid,
      );
      return side.browser.get("/login/approval");
    },
  ];
  const chosen = sides
    .flatMap((side) =>
      Array.from({ length: 3 + roll(3) }, () => ({ side, move: moves[roll(moves.length)] ?? finish, turn: roll(1e6) })),
    )
    .sort((one, other) => one.turn - other.turn);
  await Promise.all(chosen.map(({ side, move }) => move(side)));
  await Promise.all(sides.map(finish));

  const violations: string[] = [];
  let signedIn = 0;
  for (const side of sides) {
    const session = livingSession(attacked, side.browser);
    if (session === undefined) continue;
    signedIn += 1;
    const challenge = attacked.program.rows.one("SELECT * FROM challenges WHERE id = ?", session["challenge_id"]);
    if (challenge?.["state"] !== "consumed") violations.push("a session without a consumed challenge");
    if (challenge?.["browser_hash"] !== side.browserHash)
      violations.push("a session out of another browser's approval");
    if (challenge?.["authy_uuid"] !== side.uuid) violations.push("a session out of a push that nobody approved");
    if (!side.wasApproved) violations.push("a session without an approval");
    if (session["level"] !== 2) violations.push("a session of another level");
  }
  await Promise.all([a.post("/logout"), b.post("/logout")]);
  for (const { browser } of sides)
    if (livingSession(attacked, browser) !== undefined) violations.push("a session that lives on after signing out");
  const left = attacked.program.rows.count(
    "SELECT count(*) FROM challenges WHERE state IN ('creating', 'pending') AND subscriber_id = ?",
    target.id,
  );
  if (left > 0) violations.push(`${left} requests still open after signing out`);
  return { violations, signedIn };
}

function livingSession(attacked: AttackedProgram, browser: Browser) {
  const id = browser.cookies.get("countersign-session") ?? "";
  return attacked.program.rows.one(
    "SELECT * FROM sessions WHERE key_hash = ? AND ended_at IS NULL AND level > 0",
    createHash("sha256").update(id).digest("base64url"),
  );
}
