import { seededRandom } from "../../kit/random.js";
import { type AttackedProgram, attackProgram } from "./attacked-program.js";
import { type Attack, inParallel, type Progress } from "./attack.js";

const LOW = 0.48;
const HIGH = 0.52;
/** A figure outside may be chance (its standard error is 0.013 with 1,000 pairs): then it is measured once more, longer. */
const SECOND_LOOK = 4;

/** Whether the time of an answer tells an unknown name from a wrong password, at full hashing strength. */
export const timing: Attack = {
  name: "timing",
  what: "pairs of unknown name and wrong password, told apart by time",
  full: 1000,
  short: 30,
  run: (count, progress) =>
    attackProgram({ ARGON2_TEST_STRENGTH: "false", LOGIN_FLOOR_MS: "120" }, async (attacked) => {
      let pairs = count;
      let score = await measure(attacked, pairs, progress);
      const first = score;
      // The short form has too few measurements for so small a difference: three standard errors are allowed.
      const slack = count < 1000 ? 3 * Math.sqrt((2 * count + 1) / (12 * count * count)) : 0;
      const isWithin = (value: number): boolean => value >= LOW - slack && value <= HIGH + slack;
      if (!isWithin(score)) {
        pairs = count * SECOND_LOOK;
        score = await measure(attacked, pairs, () => undefined);
      }
      const firstLook = pairs === count ? "" : ` (first look, ${count} pairs: ${first.toFixed(3)})`;
      return {
        seen: `classifier right in ${score.toFixed(3)} of cases over ${pairs} pairs${firstLook}`,
        allowed: `${(LOW - slack).toFixed(2)} to ${(HIGH + slack).toFixed(2)}`,
        isKept: isWithin(score),
      };
    }),
};

/** @returns how often the better of all thresholds' classifiers ranks a pair rightly: the area under the ROC curve. */
async function measure(attacked: AttackedProgram, pairs: number, progress: Progress): Promise<number> {
  const targets = await attacked.addTargets(pairs, { withPhone: false, fullStrength: true });
  const { below: roll } = seededRandom(pairs);
  const browsers = Array.from({ length: 2 }, () => attacked.openBrowser());
  for (const browser of browsers) await browser.token();
  const times: Record<"unknown" | "wrong", number[]> = { unknown: [], wrong: [] };
  const ask = async (at: number, kind: "unknown" | "wrong"): Promise<void> => {
    const browser = browsers[at % browsers.length];
    const username = kind === "wrong" ? (targets[at]?.username ?? "") : `nobody-${pairs + at}`;
    const startedAt = performance.now();
    await browser?.post("/login", { username, password: "not the password of anybody" });
    times[kind].push(performance.now() - startedAt);
  };
  await inParallel(
    pairs,
    browsers.length,
    async (at) => {
      const order: ("unknown" | "wrong")[] = roll(2) === 0 ? ["unknown", "wrong"] : ["wrong", "unknown"];
      for (const kind of order) await ask(at, kind);
    },
    progress,
  );
  return areaUnderCurve(times.unknown, times.wrong);
}

function areaUnderCurve(a: readonly number[], b: readonly number[]): number {
  const sorted = [...b].sort((x, y) => x - y);
  const below = (value: number, orEqual: boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const each = sorted[middle] ?? 0;
      if (each < value || (orEqual && each === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const wins = a.reduce((sum, value) => sum + (below(value, false) + below(value, true)) / 2, 0);
  return wins / (a.length * b.length);
}
