import type { Admitted, Application } from "./application.js";
import type { Client } from "./client.js";
import type { Deps } from "./deps.js";
import { hashSecret, newSecret } from "./secrets.js";

/** What an operator says of a new client. */
export type NewClient = Omit<Client, "createdAt"> &
  Pick<Application, "name" | "level" | "maxAgeSeconds"> & { readonly admits: readonly Admitted[] };

/**
 * Adds a client, which admits nobody unless it is told whom.
 *
 * @returns its secret, which is shown once and kept as a hash; an empty text where it has none; null where the id is taken.
 */
export async function addClient(deps: Pick<Deps, "transaction" | "now">, given: NewClient): Promise<string | null> {
  const { name, level, maxAgeSeconds, admits, ...client } = given;
  const createdAt = deps.now();
  const secret = client.kind === "secret" ? newSecret() : "";
  return deps.transaction(async (rows) => {
    if ((await rows.applications.find(client.id)) !== null) return null;
    if (!(await rows.clients.insert({ ...client, createdAt }))) return null;
    const groups = admits.flatMap((admitted) => ("group" in admitted ? [admitted.group] : []));
    const admitsEveryone = admits.some((admitted) => "everyone" in admitted);
    const application = { id: client.id, kind: "client", name, level, maxAgeSeconds, admitsEveryone, groups } as const;
    await rows.applications.insert({ ...application, createdAt });
    await rows.audit.recordOfApplication(client.id, "application-added", createdAt, client.kind);
    if (secret !== "") await rows.clientSecrets.insert({ hash: hashSecret(secret), clientId: client.id, createdAt });
    return secret;
  });
}

/**
 * Another secret for a client.
 *
 * @param overlapSeconds - How long the former ones count yet.
 */
export async function rotateSecret(
  deps: Pick<Deps, "transaction" | "now">,
  clientId: string,
  overlapSeconds: number,
): Promise<string> {
  const [secret, at] = [newSecret(), deps.now()];
  const hash = hashSecret(secret);
  await deps.transaction(async (rows) => {
    await rows.clientSecrets.insert({ hash, clientId, createdAt: at });
    await rows.clientSecrets.expireOthers(clientId, hash, new Date(at.getTime() + overlapSeconds * 1000));
    await rows.audit.recordOfApplication(clientId, "application-secret-rotated", at, String(overlapSeconds));
  });
  return secret;
}

/** Removes a client, and ends all that it holds. @returns false when there was none. */
export async function removeClient(deps: Pick<Deps, "transaction" | "now">, id: string): Promise<boolean> {
  return deps.transaction(async (rows) => {
    if (!(await rows.clients.remove(id))) return false;
    await rows.applications.remove(id);
    await rows.audit.recordOfApplication(id, "application-removed", deps.now(), "client");
    return true;
  });
}
