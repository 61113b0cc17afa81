import { callbackBody, signCallback } from "../../kit/authy.js";
import { NO_LIMITS } from "../../kit/environment.js";
import type { Owner } from "../../kit/owner.js";
import { enrol, isSignedIn, type Person } from "../../kit/people.js";
import { startPostgres } from "../../kit/postgres.js";
import { type Program, startProgram } from "../../kit/program.js";
import { type Figure, median } from "./turns.js";

const PEOPLE = 4;
/** Sign-ins of one turn. */
const EACH_TURN = 10;
const ROUNDS = 15;
const MUST = { atMost: 1.2 } as const;
const STAGES = ["the password", "the callback", "the finish"] as const;

/** What the full database has, besides the people who sign in. */
export interface Crowd {
  readonly people: number;
  /** Requests of the last six days that were answered, each with its attempt. */
  readonly challenges: number;
}

/**
 * Signs people in by push, in turn at a program with an empty PostgreSQL and at one whose tables are full: the password until the
 * push is sent, the callback until it is answered, the finish until the browser is signed in. Passwords are hashed in the tests' weak
 * form, which hides nothing of the database. The time of a sign-in is that of the three together, as it is at the server.
 */
export async function rows(
  owner: Owner,
  { rounds = ROUNDS, crowd = { people: 100_000, challenges: 1_000_000 } }: { rounds?: number; crowd?: Crowd },
): Promise<Figure[]> {
  const postgres = await startPostgres(owner);
  const sides: { program: Program; people: Person[] }[] = [];
  while (sides.length < 2) {
    const program = await startProgram(owner, {
      database: { url: await postgres.createDatabase() },
      env: { ...NO_LIMITS, LOG_LEVEL: "info" },
      keepLines: 100,
    });
    await program.phone.faults({ callbacks: "drop" });
    const people: Person[] = [];
    while (people.length < PEOPLE) people.push(await enrol(program));
    sides.push({ program, people });
  }
  const [empty, full] = sides;
  if (empty === undefined || full === undefined) throw new Error("two programs were started");
  // One whole sign-in leaves the rows of which the others are made.
  await signIn(full.program, full.people[0]!);
  await fill((sql) => postgres.run(sql, "test_2"), full.people[0]!, crowd);

  const pairs: { empty: number[]; full: number[] }[] = [];
  for (let round = -2; round < rounds; round += 1) {
    const order = round % 2 === 0 ? ([empty, full] as const) : ([full, empty] as const);
    const measured = new Map<object, number[]>();
    for (const side of order) measured.set(side, await turn(side));
    // The first pairs warm up.
    if (round >= 0) pairs.push({ empty: measured.get(empty) ?? [], full: measured.get(full) ?? [] });
  }
  return ["a sign-in", ...STAGES].map((name, at) => {
    const ratios = pairs.map((pair) => (pair.full[at] ?? NaN) / (pair.empty[at] ?? NaN));
    return {
      name: `${name}, p50, ${crowd.challenges.toLocaleString("en")} old rows`,
      ...{ unit: "ms", must: MUST },
      bare: median(pairs.map((pair) => pair.empty[at] ?? NaN)),
      product: median(pairs.map((pair) => pair.full[at] ?? NaN)),
      ratio: median(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios),
    };
  });
}

/** @returns medians in ms: of a sign-in, and of each of its stages. */
async function turn({ program, people }: { program: Program; people: readonly Person[] }): Promise<number[]> {
  const times: number[][] = [];
  for (let n = 0; n < EACH_TURN; n += 1) times.push(await signIn(program, people[n % people.length]!));
  const sums = times.map((stages) => stages.reduce((sum, ms) => sum + ms, 0));
  return [median(sums), ...STAGES.map((_, stage) => median(times.map((stages) => stages[stage] ?? NaN)))];
}

/** @returns how long each stage took, in ms. */
async function signIn(
  { env, site, phone }: Pick<Program, "env" | "site" | "phone">,
  person: Person,
): Promise<number[]> {
  const { browser, username, password } = person;
  await browser.post("/logout");
  const times: number[] = [];
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const answer = await work();
    times.push(performance.now() - began);
    return answer;
  };
  const sent = await timed(() => browser.post("/login", { username, password }));
  if (sent.location !== "/login/approval") throw new Error(`the password was answered with ${sent.status}`);
  const { uuid } = await person.request();
  const [key = "", url = ""] = [env["AUTHY_PRODUCTION_API_KEY"], env["AUTHY_CALLBACK_URL"]];
  const signed = signCallback(callbackBody(uuid, person.authyId, "approved"), { key, url });
  const answer = await timed(() =>
    fetch(`${site}/webhooks/authy/onetouch`, { method: "POST", headers: signed.headers, body: signed.body }),
  );
  if (!(await answer.text()).includes("settled")) throw new Error("the callback settled nothing");
  await timed(() => browser.post("/login/approval/finish", {}));
  if (!(await isSignedIn(browser))) throw new Error("nobody is signed in");
  await phone.answer(uuid, "approve"); // so that the phone has one open request at most
  return times;
}

/** Copies the rows of somebody who has signed in, with ids and times of their own. @param run - Takes as long as it takes. */
async function fill(
  run: (sql: string) => Promise<unknown>,
  { id }: Person,
  { people, challenges }: Crowd,
): Promise<void> {
  const copy = (table: string, of: string, count: number, values: string): Promise<unknown> =>
    run(
      `INSERT INTO ${table} SELECT made.*
       FROM (SELECT t AS row FROM ${table} t WHERE ${of} = '${id}' LIMIT 1) one, generate_series(1, ${count}) n,
         LATERAL jsonb_populate_record(one.row, jsonb_build_object(${values})) made`,
    );
  const at = `now() - interval '1 hour' - (n % 143) * interval '1 hour'`;
  const times = `'created_at', ${at}, 'expires_at', ${at} + interval '2 minutes'`;
  const names = `'username', 'crowd' || n, 'username_key', 'crowd' || n, 'email', 'crowd' || n || '@example.com'`;
  await copy("subscribers", "id", people, `'id', 'crowd-' || n, ${names}`);
  const who = `'subscriber_id', 'crowd-' || (n % ${people} + 1)`;
  await copy("factors", "subscriber_id", people, `'id', 'factor-' || n, ${who}, 'authy_id', 'p' || n`);
  await copy("attempts", "subscriber_id", challenges, `'id', 'attempt-' || n, ${who}, ${times}, 'granted_at', ${at}`);
  const settled = `'settled_at', ${at}, 'consumed_at', ${at}, 'authy_uuid', gen_random_uuid()::text`;
  const asked = `'attempt_id', 'attempt-' || n, 'browser_hash', 'browser-' || n, 'authy_id', 'p' || (n % ${people} + 1)`;
  await copy(
    "challenges",
    "subscriber_id",
    challenges,
    `'id', 'challenge-' || n, ${who}, ${times}, ${settled}, ${asked}`,
  );
  await run("ANALYZE");
  const [found] = (await run(
    "SELECT (SELECT count(*) FROM challenges) AS c, (SELECT count(*) FROM subscribers) AS s",
  )) as {
    c: string;
    s: string;
  }[];
  if (Number(found?.c) <= challenges || Number(found?.s) <= people) throw new Error("the tables are not full");
}
