import type { Sandbox } from "./sandbox.js";
import type { Month } from "./state.js";

const KEPT_MONTHS = 12;

/** Adds one to a counter of the present month. */
export function countCall(sandbox: Sandbox, counter: "apiCalls" | "auths" | "calls" | "sms"): void {
  thisMonth(sandbox)[counter] += 1;
  sandbox.changed();
}

/** The counters of the present month, made when it is a new one. */
export function thisMonth(sandbox: Sandbox): Month {
  const today = new Date(sandbox.now());
  const [year, month] = [today.getUTCFullYear(), today.getUTCMonth()];
  const known = sandbox.state.months.find((row) => row.year === year && row.month === month);
  if (known) return known;
  const row: Month = { year, month, apiCalls: 0, auths: 0, calls: 0, sms: 0 };
  sandbox.state.months = [...sandbox.state.months, row].slice(-KEPT_MONTHS);
  return row;
}

/** English name of a month; 0 is January. */
export const monthName = (month: number): string =>
  new Date(Date.UTC(2000, month)).toLocaleString("en", { month: "long", timeZone: "UTC" });
