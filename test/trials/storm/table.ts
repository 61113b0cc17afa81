import type { Report } from "./storm.js";

const MOST_EXAMPLES = 20;

/** The result for people: one number to a line, and what went wrong by name. */
export function tableOf({ result, faults, seconds, slowestAnswer, afterApprovalMs, slowest }: Report): string {
  const total = [...faults.values()].reduce((sum, n) => sum + n, 0);
  const lines: [string, string | number][] = [
    ["tried", result.tried],
    ["approved", result.approved],
    ["signed in", result.signedIn],
    ["denied", result.denied],
    ["cancelled", result.cancelled],
    ["told why not", result.told],
    ["step-ups", `${result.stepUps.done} of ${result.stepUps.tried}`],
    ...(result.reached === null
      ? []
      : [["went on", `${result.reached.client} to a client, ${result.reached.site} to a site`] as [string, string]]),
    ["lost", result.lost.length],
    ["double", result.double.length],
    ["wrong", result.wrong.length],
    ["faults", total],
    ["slowest answer", `${Math.round(slowestAnswer.ms)} ms (${slowestAnswer.what})`],
    [
      "tap to signed in",
      `p50 ${afterApprovalMs.p50} ms, p99 ${afterApprovalMs.p99} ms, slowest ${afterApprovalMs.max} ms`,
    ],
    ["took", `${Math.round(seconds)} s, ${(result.tried / seconds).toFixed(1)} sign-ins a second`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const named = [
    ...result.lost.map((what) => `lost: ${what}`),
    ...result.double.map((what) => `double: ${what}`),
    ...result.wrong.map((what) => `wrong: ${what}`),
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
