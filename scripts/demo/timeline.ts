import type { StoryStep } from "../../test/kit/story.js";
import type { RunningProgram } from "./start-program.js";

/** What `--once` has to say at its end. */
export interface StoryReport {
  readonly ok: boolean;
  readonly redis: string;
  readonly callbacks: "delivered" | "dropped";
  readonly totalMs: number;
  readonly steps: readonly StoryStep[];
  readonly error?: string;
}

/** Where everything is, for people. */
export function addressLines({ site, phone, phonePage, examples, redis, logFolder }: RunningProgram): string {
  return [
    "",
    `  Website   ${site}`,
    `  Phone     ${phone}   (stands for the Authy app: scan, approve, deny; and a mailbox)`,
    ...(phonePage === null
      ? []
      : [`  Own page  ${phonePage}   (a phone's page without Authy: add it in another browser)`]),
    ...(examples === null
      ? []
      : [
          `  Reports   ${examples.behindTheGate}   (an application behind the gate: sign in with a phone enrolled)`,
          `  Wiki      ${examples.openIdConnect}   (one that speaks OpenID Connect: the sign-in carries over)`,
        ]),
    `  Redis     ${redis}`,
    `  Logs      ${logFolder}`,
  ].join("\n");
}

/** One step of the timeline, for people: milliseconds, what was done, and who settled it. */
export function stepLine({ step, ms, settledBy }: StoryStep): string {
  const line = `${String(ms).padStart(6)} ms  ${step}`;
  return settledBy === undefined ? line : `${line.padEnd(44)} settled by ${settledBy}`;
}

/** The last line, for people. */
export function closingLine({ ok, totalMs, error }: StoryReport): string {
  return ok
    ? `\nThe whole story worked, in ${(totalMs / 1000).toFixed(1)} s.`
    : `\nThe story failed: ${error ?? "no reason given"}`;
}
