import type { DataSource } from "typeorm";

/** What must hold at any time, as questions whose every answer is a breach. */
const DOUBLE: readonly [string, string][] = [
  [
    "two living sessions of one approval",
    "SELECT challenge_id AS id FROM sessions WHERE challenge_id IS NOT NULL AND ended_at IS NULL GROUP BY challenge_id HAVING count(*) > 1",
  ],
  [
    "two approvals spent for one attempt",
    "SELECT attempt_id AS id FROM challenges WHERE state = 'consumed' GROUP BY attempt_id HAVING count(*) > 1",
  ],
  [
    "two live challenges of one browser",
    "SELECT browser_hash AS id FROM challenges WHERE state IN ('creating', 'pending') GROUP BY browser_hash HAVING count(*) > 1",
  ],
];
const WRONG: readonly [string, string][] = [
  [
    "a full session whose challenge was not consumed, or is of another account",
    `SELECT s.id FROM sessions s JOIN challenges c ON c.id = s.challenge_id
     WHERE s.level = 2 AND (c.state <> 'consumed' OR c.subscriber_id <> s.subscriber_id)`,
  ],
  [
    "an approval without evidence",
    `SELECT id FROM challenges WHERE state IN ('approved', 'consumed', 'lapsed')
     AND (settled_by NOT IN ('callback', 'webhook', 'poll') OR settled_by IS NULL OR authy_uuid IS NULL)`,
  ],
  [
    "more than one arrow out of pending",
    `SELECT id FROM challenges WHERE version > 3 OR (version > 2 AND state <> 'consumed' AND state <> 'lapsed')`,
  ],
  [
    "an outcome without its time or witness",
    `SELECT id FROM challenges WHERE state NOT IN ('creating', 'pending') AND (settled_at IS NULL OR settled_by IS NULL)`,
  ],
];

/** @returns a line for each row that breaks what must hold. */
export async function brokenRows(database: DataSource): Promise<{ double: string[]; wrong: string[] }> {
  const ask = async (checks: readonly [string, string][]): Promise<string[]> => {
    const found: string[] = [];
    for (const [what, sql] of checks)
      for (const { id } of await database.query<{ id: string }[]>(sql)) found.push(`${what}: ${id}`);
    return found;
  };
  return { double: await ask(DOUBLE), wrong: await ask(WRONG) };
}
