import { ownersTries, PASSWORD, attackProgram } from "./attacked-program.js";
import { type Attack, inParallel } from "./attack.js";

const BUDGET = 10;

/** Somebody who has the password signs in again and again, from another address and another browser each time. */
export const pushBombing: Attack = {
  name: "push-bombing",
  what: "sign-ins with the right password from as many addresses",
  full: 10_000,
  short: 200,
  run: (count, progress) =>
    attackProgram({ TRUST_PROXY: "1", LIMIT_PUSHES: String(BUDGET) }, async (attacked) => {
      const target = await attacked.addTarget();
      const owner = ownersTries(attacked, await attacked.ownersBrowser(target), target);
      const rangBefore = (await attacked.program.phone.requests(target.authyId)).length;
      let intruders = 0;
      await inParallel(
        count,
        24,
        async (at) => {
          if (at % Math.ceil(count / 4) === Math.ceil(count / 8)) await owner.once();
          const browser = attacked.openBrowser({ address: `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}` });
          await browser.post("/login", { username: target.username, password: PASSWORD });
          if (at % 100 === 0) {
            await browser.post("/login/approval/finish");
            if ((await browser.get("/account")).status === 200) intruders += 1;
          }
        },
        progress,
      );
      const pushes = (await attacked.program.phone.requests(target.authyId)).length - rangBefore - owner.tried;
      return {
        seen: `${pushes} pushes, ${intruders} intruders; the owner got in ${owner.gotIn} of ${owner.tried} times meanwhile`,
        allowed: `at most ${BUDGET} pushes; the owner gets in`,
        isKept: pushes <= BUDGET && intruders === 0 && owner.gotIn === owner.tried && owner.tried > 0,
      };
    }),
};
