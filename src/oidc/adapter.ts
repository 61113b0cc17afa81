import { setTimeout as wait } from "node:timers/promises";
import type { Adapter, AdapterPayload } from "oidc-provider";

import type { Client } from "../domain/client.js";
import type { Deps } from "../domain/deps.js";
import type { FoundRecord, OidcRecord } from "../domain/oidc-record.js";
import { hashSecret } from "../domain/secrets.js";
import { CODE_SECONDS, ROUTES } from "./configuration.js";
import { hashUserCode } from "./device.js";
import { errors, Provider } from "./library.js";

type AdapterDeps = Pick<Deps, "clients" | "oidcRecords" | "now">;

/** R36: the answer to a refresh may have been lost. For so long its token is not there any more, and nothing else happens. */
const LOST_WITHIN_MS = 10_000;

/**
 * R35: of many uses of a code at once the last may come when the first has its tokens already. They are told from a thief's by
 * their company: second uses that come within a second of each other, in the life of the code.
 */
const TOGETHER_MS = 1000;
const CROWD_MS = CODE_SECONDS * 1000;

type SpentCode = FoundRecord & { readonly consumedAt: Date };

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
  /** When the request of this moment came: not when its turn at the database comes, which may be much later in a crowd. */
  const arrivedAt = (): Date => (Provider.ctx?.state as { arrivedAt?: Date } | undefined)?.arrivedAt ?? now();

  /**
   * R35: a second use of a code ends all that the first one gave, unless it was there at the same time: it came before the first
   * one had its tokens, or it is one of a crowd.
   */
  async function endIfReused({ id, clientId, grantId, consumedAt }: SpentCode): Promise<void> {
    if (grantId === null || clientId !== Provider.ctx?.oidc.client?.clientId) return;
    const [refused, givenAt] = [await oidcRecords.countRefused(id), await oidcRecords.firstTokenAt(grantId)];
    const cameAt = arrivedAt();
    if (givenAt === null || cameAt <= givenAt) return;
    const isSoon = cameAt.getTime() - consumedAt.getTime() < CROWD_MS;
    if (isSoon && (refused > 1 || (await isJoinedByOthers(id)))) return;
    await oidcRecords.removeGrant(grantId);
  }

  async function isJoinedByOthers(id: string): Promise<boolean> {
    await wait(TOGETHER_MS);
    return ((await oidcRecords.find(id, now()))?.refused ?? 0) > 1;
  }

  return function adapterOf(model) {
    const rowId = (id: string): string => hashSecret(`${model} ${id}`);
    const isCode = model === "AuthorizationCode" || model === "DeviceCode";
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
        const found = await oidcRecords.find(rowId(id), now());
        if (found === null) return undefined;
        const { consumedAt } = found;
        if (consumedAt !== null && isCode) {
          await endIfReused({ ...found, consumedAt });
          return undefined;
        }
        // R55: whoever revokes what was refreshed at this moment means what came of it, too.
        const mayBeLost = model === "RefreshToken" && Provider.ctx?.path !== ROUTES.revocation;
        const lostUntil = consumedAt !== null && mayBeLost ? consumedAt.getTime() + LOST_WITHIN_MS : 0;
        return arrivedAt().getTime() < lostUntil ? undefined : payloadOf(found.payload, id, consumedAt);
      },
      findByUserCode: () => Promise.resolve(undefined),
      findByUid: () => Promise.resolve(undefined),
      async consume(id) {
        if (await oidcRecords.consume(rowId(id), now())) return;
        if (isCode) await oidcRecords.countRefused(rowId(id));
        if (model === "PushedAuthorizationRequest") throw new errors.InvalidRequestUri("request_uri was already used");
        throw new errors.InvalidGrant("used at the same moment by another request");
      },
      destroy: (id) => oidcRecords.remove(rowId(id)),
      revokeByGrantId: (grantId) => oidcRecords.removeOfGrant(grantId, model),
    };
  };
}

function recordOf(model: string, id: string, payload: AdapterPayload, expiresIn: number, createdAt: Date): OidcRecord {
  // R40: what opens something does not stand in the row.
  const { jti, userCode, ...kept } = payload;
  const { clientId, accountId, grantId, sessionUid } = kept as Partial<Record<string, string>>;
  return {
    ...{ id, model, createdAt },
    grantId: (model === "Grant" ? jti : grantId) ?? null,
    clientId: clientId ?? null,
    subscriberId: accountId ?? null,
    signInId: sessionUid ?? null,
    userCodeHash: userCode === undefined ? null : hashUserCode(userCode),
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
