import type { Adapter, AdapterPayload } from "oidc-provider";

import type { Client } from "../domain/client.js";
import type { Deps } from "../domain/deps.js";
import type { OidcRecord } from "../domain/oidc-record.js";
import { hashSecret } from "../domain/secrets.js";
import { errors } from "./library.js";

type AdapterDeps = Pick<Deps, "clients" | "oidcRecords" | "now">;

/**
 * R35, R36: what was spent a moment ago is not there, and nothing else happens: uses at once arrive one after another, and the
 * answer to a refresh may have been lost. A later second use ends what the first one gave.
 */
const GRACE_MS: Readonly<Record<string, number>> = { AuthorizationCode: 10_000, RefreshToken: 10_000 };

/** How a client is described to the library. */
export type ClientMetadata = (client: Client) => AdapterPayload;

/**
 * Where the library keeps what it gives out. An id is the token itself: its hash alone is kept, and what is found is only
 * what still counts. Sessions are ours and are never kept here.
 */
export function recordAdapter(
  { clients, oidcRecords, now }: AdapterDeps,
  metadata: ClientMetadata,
): (model: string) => Adapter {
  return function adapterOf(model) {
    const rowId = (id: string): string => hashSecret(`${model} ${id}`);
    return {
      async upsert(id, payload, expiresIn?: number) {
        const record = recordOf(model, rowId(id), payload, expiresIn ?? 0, now());
        if (model !== "ReplayDetection") await oidcRecords.save(record);
        else if (!(await oidcRecords.insertOnce(record)))
          throw new errors.InvalidClientAuth("client assertion tokens must only be used once");
      },
      async find(id) {
        if (model === "Client") {
          const client = await clients.find(id);
          return client === null ? undefined : metadata(client);
        }
        const at = now();
        const found = await oidcRecords.find(rowId(id), at);
        if (found === null) return undefined;
        const { consumedAt } = found;
        // Of uses at once one gets tokens, and the others end nothing.
        const graceMs = GRACE_MS[model] ?? 0;
        if (consumedAt !== null && at.getTime() - consumedAt.getTime() < graceMs) return undefined;
        return payloadOf(found.payload, id, consumedAt);
      },
      findByUserCode: () => Promise.resolve(undefined),
      findByUid: () => Promise.resolve(undefined),
      async consume(id) {
        if (await oidcRecords.consume(rowId(id), now())) return;
        if (model === "PushedAuthorizationRequest") throw new errors.InvalidRequestUri("request_uri was already used");
        throw new errors.InvalidGrant("used at the same moment by another request");
      },
      destroy: (id) => oidcRecords.remove(rowId(id)),
      revokeByGrantId: (grantId) => oidcRecords.removeOfGrant(grantId),
    };
  };
}

function recordOf(model: string, id: string, payload: AdapterPayload, expiresIn: number, createdAt: Date): OidcRecord {
  // R40: what opens something does not stand in the row.
  const { jti, ...kept } = payload;
  const { clientId, accountId, grantId, sessionUid } = kept as Partial<Record<string, string>>;
  return {
    ...{ id, model, createdAt },
    grantId: (model === "Grant" ? jti : grantId) ?? null,
    clientId: clientId ?? null,
    subscriberId: accountId ?? null,
    signInId: sessionUid ?? null,
    outlives: (model === "Grant" || model === "RefreshToken") && scopesOf(kept).includes("offline_access"),
    payload: JSON.stringify(kept),
    expiresAt: new Date(createdAt.getTime() + expiresIn * 1000),
  };
}

function scopesOf(payload: Omit<AdapterPayload, "jti">): string[] {
  const { scope, openid } = payload as { scope?: string; openid?: { scope?: string } };
  return (scope ?? openid?.scope ?? "").split(" ");
}

function payloadOf(json: string, jti: string, consumedAt: Date | null): AdapterPayload {
  const payload = { ...(JSON.parse(json) as AdapterPayload), jti };
  return consumedAt === null ? payload : { ...payload, consumed: Math.floor(consumedAt.getTime() / 1000) };
}
