import { type Report } from "./storm.js";

const MOST_EXAMPLES = 20;

/** The result for people: one number to a line, and what went wrong by name. */
export function tableOf({ verdict, faults, seconds, slowestAnswer, afterApprovalMs, slowest }: Report): string {
  const total = [...faults.values()].reduce((sum, n) => sum + n, 0);
  const lines: [string, string | number][] = [
    ["tried", verdict.tried],
    ["approved", verdict.approved],
    ["signed in", verdict.signedIn],
    ["denied", verdict.denied],
    ["cancelled", verdict.cancelled],
    ["told why not", verdict.told],
    ["step-ups", `${verdict.stepUps.done} of ${verdict.stepUps.tried}`],
    ["lost", verdict.lost.length],
    ["double", verdict.double.length],
    ["wrong", verdict.wrong.length],
    ["faults", total],
    ["slowest answer", `${Math.round(slowestAnswer.ms)} ms (${slowestAnswer.what})`],
    [
      "tap to signed in",
      `p50 ${afterApprovalMs.p50} ms, p99 ${afterApprovalMs.p99} ms, slowest ${afterApprovalMs.max} ms`,
    ],
    ["took", `${Math.round(seconds)} s, ${(verdict.tried / seconds).toFixed(1)} sign-ins a second`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const named = [
    ...verdict.lost.map((what) => `lost: ${what}`),
    ...verdict.double.map((what) => `double: ${what}`),
    ...verdict.wrong.map((what) => `wrong: ${what}`),
  ];
  const struck = Array.from(faults, ([name, times]) => `${times} × ${name}`).sort();
  return [
    ...lines.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    "",
    `  ${struck.join(", ")}`,
    ...slowest.map((story) => `  slow: ${story}`),
    ...named.slice(0, MOST_EXAMPLES).map((line) => `  ${line}`),
  ].join("\n");
}
