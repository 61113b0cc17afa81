import type { Client, Clients, ClientSecrets } from "../domain/client.js";
import { changedOne, unlessTaken } from "./one-row.js";
import type { ClientRow, ClientSecretRow, OidcRecordRow, RowSource } from "./schema.js";

/** The clients of OpenID Connect, in the database. */
export function clients(database: RowSource): Clients {
  const rows = database.getRepository<ClientRow>("client");
  return {
    insert: (client) => unlessTaken(rows.insert(rowOf(client))),
    async find(id) {
      const row = await rows.findOneBy({ id });
      return row === null ? null : clientIn(row);
    },
    list: async () => (await rows.find({ order: { id: "ASC" } })).map(clientIn),
    async remove(id) {
      await database.getRepository<ClientSecretRow>("clientSecret").delete({ clientId: id });
      await database.getRepository<OidcRecordRow>("oidcRecord").delete({ clientId: id });
      return changedOne(rows.delete({ id }));
    },
  };
}

function rowOf(client: Client): ClientRow {
  return {
    ...client,
    redirectUris: JSON.stringify(client.redirectUris),
    logoutRedirectUris: JSON.stringify(client.logoutRedirectUris),
    origins: JSON.stringify(client.origins),
  };
}

function clientIn(row: ClientRow): Client {
  const list = (json: string): string[] => JSON.parse(json) as string[];
  return {
    ...row,
    redirectUris: list(row.redirectUris),
    logoutRedirectUris: list(row.logoutRedirectUris),
    origins: list(row.origins),
  };
}

const GOOD = "secret.clientId = :clientId AND (secret.expiresAt IS NULL OR secret.expiresAt > :now)";

/** The hashes of clients' secrets, in the database. */
export function clientSecrets(database: RowSource): ClientSecrets {
  const rows = database.getRepository<ClientSecretRow>("clientSecret");
  const good = (clientId: string, now: Date) => rows.createQueryBuilder("secret").where(GOOD, { clientId, now });
  return {
    async insert(secret) {
      await rows.insert({ ...secret, expiresAt: null });
    },
    async expireOthers(clientId, keepHash, at) {
      await rows
        .createQueryBuilder()
        .update()
        .set({ expiresAt: at })
        .where("client_id = :clientId AND hash <> :keepHash AND (expires_at IS NULL OR expires_at > :at)", {
          ...{ clientId, keepHash, at },
        })
        .execute();
    },
    isGood: async (clientId, hash, now) =>
      (await good(clientId, now).andWhere("secret.hash = :hash", { hash }).getCount()) === 1,
    countGood: (clientId, now) => good(clientId, now).getCount(),
  };
}
