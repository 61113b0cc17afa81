/** The commands that do their own set-up: the options they take, and the script that does the work after it. */
export const COMMANDS = {
  demo: {
    script: "scripts/demo.ts",
    options: {
      once: { type: "boolean" },
      "no-callbacks": { type: "boolean" },
      json: { type: "boolean" },
      redis: { type: "string", values: ["embedded"] },
      factor: { type: "string", values: ["authy", "phone", "passkey", "totp"] },
      app: { type: "boolean" },
    },
    needs: { json: "once", factor: "once", app: "once" },
    help: `npm run demo -- [options]

Installs and builds what is missing, then starts a private Redis, the Authy sandbox (the phone), the web process and
the worker on an SQLite file under .data/, with two small applications of examples/ behind the sign-in, and prints their
addresses. Ctrl-C stops all of it.

  --once            tell one whole story against the sandbox, print its timeline and stop: register, enrol by QR code,
                    sign out, sign in, approve, disable. Uses a database of its own. Exit code 0 when all of it worked
  --factor NAME     with --once: with which second factor, authy (the default), phone, whose page signs
                    its answers, passkey, or totp, any authenticator app
  --app             with --once: the story of two applications, one behind the gate and one that speaks OpenID Connect:
                    sign in to the first, open the second without another sign-in, sign out of both at once
  --no-callbacks    the sandbox drops every callback, so that the worker has to poll
  --json            with --once: the timeline as one line of JSON on standard output
  --redis embedded  use the Redis in JavaScript that comes as a package (in memory) even when a real one is there
  --help            this text

  PORT, SANDBOX_PORT   where to listen; without them 3000 and 4001, or the next free port
  REPORTS_PORT, WIKI_PORT   where the two applications listen; without them 4100 and 4200, or the next free port
  REDIS_URL            use this Redis instead of a private one
  DEMO_DATA            the folder for its data; .data unless set
  The other settings are passed on, but for NODE_ENV, LOG_LEVEL and those of Authy, which are the demo's own.

Exit codes: 0 done or stopped by hand (130 when that cuts --once short), 1 something failed, 64 wrong options, 78 wrong settings.
`,
  },
  test: {
    script: "scripts/test.ts",
    options: {},
    positionals: true,
    help: `npm test -- [part ...]

Installs and builds what is missing, then checks the lock file, types, lint and format, and runs the tests,
but for some long ones.
Needs Redis, Chromium, Firefox, PostgreSQL and PgBouncer; installs them with the system's package manager when it may do so unasked.

  part     run only the test files whose path contains this text (test/http, callback, test/journeys/story.test.ts),
           without the checks before them
  long     run those that are left out otherwise: servers around us that fail, restarts, the commands as people start
           them, other programs that use the sign-in
  all      run the checks and every test
  quick    run the checks, and the tests that start no other process; stores on SQLite alone
  --help   this text

Exit codes: 0 all passed, 1 something failed, 64 wrong options.
`,
  },
  bench: {
    script: "test/trials/bench/index.ts",
    options: {
      only: {
        type: "string",
        values: ["latency", "tap", "throughput", "memory", "polling", "gate", "rows"],
        several: true,
      },
      rounds: { type: "string", number: "a whole number from 1 on" },
      json: { type: "boolean" },
      write: { type: "boolean" },
    },
    help: `npm run bench -- [options]

Installs and builds what is missing, then measures the program beside a bare server of node:http and ioredis: both are up
at the same time and take turns. Needs a Redis server on PATH, and a machine that does nothing else.

  --only NAMES   of latency, tap (a phone of our own beside Authy's callback), throughput, memory, polling, gate (a check, and a
                 page behind nginx, which it needs on PATH); several with commas between them. rows, which is measured only
                 when it is named: sign-ins over a PostgreSQL with 1,000,000 old requests of 100,000 people beside those over
                 an empty one
  --rounds N     how many pairs of turns each figure is the median of
  --json         the figures as one line of JSON
  --write        put the figures into docs/performance.md and its picture
  --help         this text

Exit codes: 0 measured, 1 something failed, 64 wrong options.
`,
  },
  storm: {
    script: "test/trials/storm/index.ts",
    options: {
      logins: { type: "string", number: "a whole number from 1 on", default: "500" },
      seed: { type: "string", number: "a whole number" },
      database: { type: "string", values: ["sqlite", "postgres"], default: "sqlite" },
      minutes: { type: "string", number: "a number", default: "30" },
      factor: { type: "string", values: ["authy", "phone", "mixed"], default: "authy" },
      browsers: { type: "string", number: "a whole number from 1 on", default: "24" },
      faults: { type: "string", number: "a whole number", default: "120" },
      apps: { type: "boolean" },
      logs: { type: "string" },
    },
    help: `npm run storm -- [options]

Signs people in through two web and two worker processes while processes are killed, frozen and restarted, Redis is
killed, emptied and frozen, the database is locked or killed, and Authy is slow, throttles, breaks off, talks nonsense,
or loses, doubles, delays and reorders its callbacks; push services of phones of our own are busy, silent, refuse or break
off. Then it audits the rows and prints what was lost, doubled or
wrong: nothing should be. Needs redis-server on PATH, and PostgreSQL's server for --database postgres.

  --logins N           how many sign-ins (500)
  --minutes M          begin none after so many minutes (30)
  --seed S             the same seed chooses the same faults; printed at the start
  --database NAME      sqlite (the default) or postgres, a private one
  --factor NAME        what they countersign with: authy (the default), phone (one of our own), or mixed, half of them each
  --browsers N         how many people sign in at the same time (24)
  --faults N           how many faults strike, spread over the storm (120)
  --apps               whoever signed in goes on to a client and to a site, and both are closed after the sign-out
  --logs FOLDER        an existing folder for the processes' logs
  --help               this text

Exit codes: 0 nothing was lost, doubled or wrong, 1 something was, 64 wrong options.
`,
  },
  attack: {
    script: "test/trials/attack/index.ts",
    options: {
      only: {
        type: "string",
        values: [
          ...["forged-callbacks", "forged-answers", "replays", "races", "phone-races", "push-bombing", "guessing"],
          ...["timing", "next-values", "scripts-in-pages", "malformed", "malformed-applications", "token-races"],
        ],
      },
      count: { type: "string", number: "a whole number from 1 on" },
      short: { type: "boolean" },
    },
    help: `npm run attack -- [options]

Attacks the real program on loopback, with a database, a Redis and an Authy of its own, and prints a table of what was
allowed and what was seen. Takes about 20 minutes in full. Needs redis-server and Chromium on PATH.

  --only NAME   one of forged-callbacks, forged-answers, replays, races, phone-races, push-bombing, guessing, timing,
                next-values, scripts-in-pages, malformed, malformed-applications, token-races
  --count N     so many of them, in place of the full number
  --short       a small number of each, as npm test does
  --help        this text

Exit codes: 0 everything held, 1 something did not, 64 wrong options.
`,
  },
  guards: {
    script: "test/trials/guards/index.ts",
    options: {},
    positionals: true,
    help: `npm run guards -- [number ...]

Takes each guard of test/trials/guards/guards.ts out of a copy of the sources, one at a time, and runs the tests of its
rule, which must notice. Takes about 15 minutes in full. Needs what the tests need.

  number   only the guards of these numbers
  --help   this text

Exit codes: 0 every loss was noticed, 1 one was not, 64 wrong options.
`,
  },
  build: {
    options: {},
    help: `node scripts/setup.mjs build

Installs what is missing and compiles into dist/ what has changed.
`,
  },
};
