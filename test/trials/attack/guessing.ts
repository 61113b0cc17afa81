import { ownersTries, PASSWORD, withArena } from "./arena.js";
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
    withArena({ TRUST_PROXY: "1", FAILURE_WAIT_SECONDS: "0", LIMIT_FAILURES: String(LIMIT) }, async (arena) => {
      const target = await arena.addTarget();
      const owner = ownersTries(arena, await arena.ownersBrowser(target), target);
      const wires = Array.from({ length: Math.min(ADDRESSES, count) }, (_, at) =>
        arena.wire({ address: `10.1.${(at >> 8) & 255}.${at & 255}` }),
      );
      let intruders = 0;
      await inParallel(
        count,
        32,
        async (at) => {
          if (at % Math.ceil(count / 4) === Math.ceil(count / 8)) await owner.once();
          const wire = wires[at % wires.length];
          // Some of the later guesses are even right: they must not be judged any more.
          const password = at > count / 2 && at % 50 === 0 ? PASSWORD : `guess number ${at}`;
          const answer = await wire?.post("/login", { username: target.username, password });
          if (answer?.status !== 422 && answer?.status !== 503) intruders += 1;
        },
        progress,
      );
      const recorded = arena.rows.count("SELECT count(*) FROM audit_events WHERE kind = 'sign-in-failed'");
      const counted = arena.rows.count("SELECT count FROM failure_counts WHERE bucket = ?", `name:${target.username}`);
      return {
        seen: `${recorded} evaluated (counter ${counted}), ${intruders} got through; the owner got in ${owner.gotIn} of ${owner.tried} times`,
        allowed: `at most ${LIMIT} evaluated; the owner gets in`,
        isKept:
          recorded <= LIMIT && counted <= LIMIT && intruders === 0 && owner.gotIn === owner.tried && owner.tried > 0,
      };
    }),
};
