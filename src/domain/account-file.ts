import type { EmailProblem } from "./email-address.js";
import type { UsernameProblem } from "./username.js";

/** One account of a file, as it was written there. */
export interface WrittenAccount {
  /** Of the file, from 1. */
  readonly line: number;
  readonly name: string;
  readonly email: string;
  readonly hash: string;
  readonly isDisabled: boolean;
}

/** What is wrong with a line. */
export interface LineProblem {
  readonly line: number;
  readonly reason:
    | { readonly code: "not-json" | "not-an-object" | "quotes" | "hash-form" | "hash-cost" | "exists" | "empty" }
    | { readonly code: "fields"; readonly found: number; readonly expected: number }
    | { readonly code: "key-unknown" | "key-missing" | "key-not-text"; readonly key: string }
    | { readonly code: "twice"; readonly firstLine: number }
    | { readonly code: "name"; readonly problem: UsernameProblem["code"] }
    | { readonly code: "email"; readonly problem: EmailProblem["code"] };
}

const REQUIRED = ["name", "email", "hash"] as const;
const KNOWN: readonly string[] = [...REQUIRED, "disabled"];

/** Reads a file of accounts: JSON lines, or CSV whose first line names the columns. Blank lines count, and say nothing. */
export function readAccountFile(text: string): { accounts: WrittenAccount[]; problems: LineProblem[] } {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const written = lines.flatMap((content, at) => (content.trim() === "" ? [] : [{ content, line: at + 1 }]));
  const [first] = written;
  if (first === undefined) return { accounts: [], problems: [{ line: 1, reason: { code: "empty" } }] };
  const read = first.content.trimStart().startsWith("{") ? jsonAccount : csvReader(first);
  if (typeof read !== "function") return { accounts: [], problems: [read] };
  const accounts: WrittenAccount[] = [];
  const problems: LineProblem[] = [];
  for (const each of read === jsonAccount ? written : written.slice(1)) {
    const account = read(each.content, each.line);
    if ("reason" in account) problems.push(account);
    else accounts.push(account);
  }
  return { accounts, problems };
}

type ReadLine = (content: string, line: number) => WrittenAccount | LineProblem;

const jsonAccount: ReadLine = (content, line) => {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return { line, reason: { code: "not-json" } };
  }
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? accountOf(line, value as Record<string, unknown>)
    : { line, reason: { code: "not-an-object" } };
};

/** @returns what reads the other lines, or what is wrong with the header. */
function csvReader(header: { content: string; line: number }): ReadLine | LineProblem {
  const columns = csvFields(header.content)?.map((name) => name.trim().toLowerCase());
  if (columns === undefined) return { line: header.line, reason: { code: "quotes" } };
  const wrong = keyProblem(columns);
  if (wrong !== null) return { line: header.line, reason: wrong };
  return (content, line) => {
    const values = csvFields(content);
    if (values === undefined) return { line, reason: { code: "quotes" } };
    if (values.length !== columns.length)
      return { line, reason: { code: "fields", found: values.length, expected: columns.length } };
    return accountOf(line, Object.fromEntries(columns.map((name, at) => [name, values[at] ?? ""])));
  };
}

function keyProblem(keys: readonly string[]): LineProblem["reason"] | null {
  const unknown = keys.find((key, at) => !KNOWN.includes(key) || keys.indexOf(key) !== at);
  if (unknown !== undefined) return { code: "key-unknown", key: unknown.slice(0, 40) };
  const missing = REQUIRED.find((key) => !keys.includes(key));
  return missing === undefined ? null : { code: "key-missing", key: missing };
}

function accountOf(line: number, given: Readonly<Record<string, unknown>>): WrittenAccount | LineProblem {
  const wrong = keyProblem(Object.keys(given));
  if (wrong !== null) return { line, reason: wrong };
  const { name, email, hash, disabled = false } = given;
  for (const [key, value] of Object.entries({ name, email, hash }))
    if (typeof value !== "string") return { line, reason: { code: "key-not-text", key } };
  const isDisabled = disabled === true || disabled === "true";
  return { line, name: name as string, email: email as string, hash: (hash as string).trim(), isDisabled };
}

/** The fields of one line, as RFC 4180 has them, but for line breaks in quotes. @returns undefined for a quote astray. */
function csvFields(line: string): string[] | undefined {
  const fields: string[] = [];
  for (let rest = line; ;) {
    const found = /^"((?:[^"]|"")*)"(,|$)/.exec(rest) ?? /^([^",]*)(,|$)/.exec(rest);
    if (found === null) return undefined;
    fields.push((found[1] ?? "").replaceAll('""', '"'));
    if (found[2] === "") return fields;
    rest = rest.slice(found[0].length);
  }
}
