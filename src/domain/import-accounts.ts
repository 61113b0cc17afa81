import { randomUUID } from "node:crypto";

import { type LineProblem, readAccountFile, type WrittenAccount } from "./account-file.js";
import { ELSEWHERE, OPERATOR } from "./administer.js";
import { allOrNothing } from "./all-or-nothing.js";
import type { Deps } from "./deps.js";
import { emailProblem, plainEmail } from "./email-address.js";
import { usernameKey, usernameProblem } from "./username.js";

/** What became of a file: all of its accounts were taken, or none for these reasons. */
export type Imported = { readonly taken: number } | { readonly problems: readonly LineProblem[] };

/**
 * Takes accounts of another system with the hashes of their passwords, in one transaction. Each password is hashed anew when
 * its owner first signs in. Addresses count as unconfirmed, and nobody gets a message.
 *
 * @param text - JSON lines, or CSV with a header line.
 */
export async function importAccounts(
  deps: Pick<Deps, "transaction" | "passwords" | "settings" | "now">,
  text: string,
): Promise<Imported> {
  const { accounts, problems } = readAccountFile(text);
  const wrong = [...problems, ...problemsOf(deps, accounts)].toSorted((a, b) => a.line - b.line);
  if (wrong.length > 0) return { problems: wrong };
  let taken: readonly string[] = [];
  const done = await allOrNothing(deps, async ({ subscribers, audit, now }) => {
    const keys = accounts.map(({ name }) => usernameKey(name));
    taken = await subscribers.findTaken(keys);
    if (taken.length > 0) return null;
    const at = now();
    const rows = accounts.map(({ name, email, hash, isDisabled }) => ({
      ...{ id: randomUUID(), username: plainName(name), usernameKey: usernameKey(name), email: plainEmail(email) },
      ...{ passwordHash: hash, lastSuccessAt: at, createdAt: at, disabledAt: isDisabled ? at : null },
    }));
    await subscribers.insertAll(rows);
    const event = { kind: "imported", at, origin: ELSEWHERE, detail: OPERATOR } as const;
    await audit.recordEach(rows.map(({ id: subscriberId }) => ({ subscriberId, ...event })));
    return rows.length;
  });
  if (done !== null) return { taken: done };
  const exists = new Set(taken);
  return {
    problems: accounts
      .filter(({ name }) => exists.has(usernameKey(name)))
      .map(({ line }) => ({ line, reason: { code: "exists" } })),
  };
}

function problemsOf({ passwords }: Pick<Deps, "passwords">, accounts: readonly WrittenAccount[]): LineProblem[] {
  const lines = new Map<string, number>();
  return accounts.flatMap(({ line, name, email, hash }): LineProblem[] => {
    const wrongName = usernameProblem(plainName(name));
    if (wrongName !== null) return [{ line, reason: { code: "name", problem: wrongName.code } }];
    const firstLine = lines.get(usernameKey(name));
    if (firstLine !== undefined) return [{ line, reason: { code: "twice", firstLine } }];
    lines.set(usernameKey(name), line);
    const wrongEmail = emailProblem(plainEmail(email));
    if (wrongEmail !== null) return [{ line, reason: { code: "email", problem: wrongEmail.code } }];
    const wrongHash = passwords.foreignProblem(hash);
    return wrongHash === null ? [] : [{ line, reason: { code: `hash-${wrongHash}` } }];
  });
}

function plainName(name: string): string {
  return name.normalize("NFKC").trim();
}
