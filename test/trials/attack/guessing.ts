import { ownersTries, PASSWORD, attackProgram } from "./attacked-program.js";
import { type Attack, inParallel } from "./attack.js";

const LIMIT = 100;
const ADDRESSES = 1000;

/** Guesses at one account from many addresses, the worst case: no waits between them, only the limit itself. */
export const guessing: Attack = {
  name: "guessing",
  what: `password guesses from ${ADDRESSES} addresses`,
  full: 20_000,
  short: 320,
  run: (count, progress) =>
    attackProgram({ TRUST_PROXY: "1", FAILURE_WAIT_SECONDS: "0", LIMIT_FAILURES: String(LIMIT) }, async (attacked) => {
      const target = await attacked.addTarget();
      const owner = ownersTries(attacked, await attacked.ownersBrowser(target), target);
      const browsers = Array.from({ length: Math.min(ADDRESSES, count) }, (_, at) =>
        attacked.openBrowser({ address: `10.1.${(at >> 8) & 255}.${at & 255}` }),
      );
      let intruders = 0;
      await inParallel(
        count,
        32,
        async (at) => {
          if (at % Math.ceil(count / 4) === Math.ceil(count / 8)) await owner.once();
          const browser = browsers[at % browsers.length];
          // Some of the later guesses are even right: they must not be judged any more.
          const password = at > count / 2 && at % 50 === 0 ? PASSWORD : `guess number ${at}`;
          const answer = await browser?.post("/login", { username: target.username, password });
          if (answer?.status !== 422 && answer?.status !== 503) intruders += 1;
        },
        progress,
      );
      const recorded = attacked.program.rows.count("SELECT count(*) FROM audit_events WHERE kind = 'sign-in-failed'");
      const counted = attacked.program.rows.count(
        "SELECT count FROM failure_counts WHERE bucket = ?",
        `name:${target.username}`,
      );
      return {
        seen: `${recorded} evaluated (counter ${counted}), ${intruders} got through; the owner got in ${owner.gotIn} of ${owner.tried} times`,
        allowed: `at most ${LIMIT} evaluated; the owner gets in`,
        isKept:
          recorded <= LIMIT && counted <= LIMIT && intruders === 0 && owner.gotIn === owner.tried && owner.tried > 0,
      };
    }),
};
