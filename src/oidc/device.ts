import { createHash } from "node:crypto";

import { type Admission, admission, applicantOf } from "../domain/admission.js";
import type { Application } from "../domain/application.js";
import type { Deps } from "../domain/deps.js";
import type { FoundRecord } from "../domain/oidc-record.js";
import type { AssuranceLevel, Session } from "../domain/session.js";
import type { Subscriber } from "../domain/subscriber.js";
import { ACR_OF_LEVEL } from "./claims.js";
import type { Provider } from "./library.js";
import { sidOf } from "./sid.js";

type DeviceDeps = Pick<Deps, "applications" | "clients" | "factors" | "memberships" | "oidcRecords" | "now">;

/** Who is about to let a device in. */
export interface DeviceOwner {
  readonly session: Session;
  readonly subscriber: Subscriber;
}

/** A device that waits for somebody to let it in. */
export interface WaitingDevice {
  /** Of its code. Nothing is opened by it. */
  readonly id: string;
  /** As the device shows it. */
  readonly userCode: string;
  readonly application: Application;
  /** From where it asked: address and program. */
  readonly address: string;
  readonly browserLabel: string;
  readonly askedAt: Date;
  /** Whether whoever looks at it may let it in. */
  readonly admission: Admission;
}

/** What the library keeps of a device code. */
interface DevicePayload {
  readonly params?: { readonly scope?: string };
  readonly deviceInfo?: { readonly address?: string; readonly browserLabel?: string };
}

/** What a person types, as it is kept: letters in capitals, and nothing else. */
export function plainUserCode(typed: string): string {
  return typed.toUpperCase().replace(/[^A-Z]/g, "");
}

/** Of a user code the database knows the hash alone (R40). */
export function hashUserCode(typed: string): string {
  return createHash("sha256")
    .update(`user code ${plainUserCode(typed)}`)
    .digest("base64url");
}

/** @returns null where no device waits with this code, or no longer. */
export async function findDevice(deps: DeviceDeps, typed: string, owner: DeviceOwner): Promise<WaitingDevice | null> {
  const found = await deps.oidcRecords.findByUserCode(hashUserCode(typed), deps.now());
  const application = found && (await deps.applications.find(found.clientId ?? ""));
  if (found === null || application === null) return null;
  const { deviceInfo } = JSON.parse(found.payload) as DevicePayload;
  const plain = plainUserCode(typed);
  return {
    ...{ id: found.id, userCode: `${plain.slice(0, 4)}-${plain.slice(4)}`, application, askedAt: found.createdAt },
    ...{ address: deviceInfo?.address ?? "", browserLabel: deviceInfo?.browserLabel ?? "" },
    admission: await admissionOf(deps, application, owner),
  };
}

/** R48: a device is let in by a second factor, whatever its application asks of others. */
async function admissionOf(deps: DeviceDeps, application: Application, owner: DeviceOwner): Promise<Admission> {
  const applicant = await applicantOf(deps, owner.session, owner.subscriber);
  const level = Math.max(application.level, 2) as AssuranceLevel;
  const answer = admission({ ...application, level }, applicant, deps.now());
  // Of a sign-in by password alone the approval that follows makes a better one.
  const isApprovedNext = answer === "again" && owner.session.level < level && level === 2;
  return isApprovedNext ? admission({ ...application, level: 1 }, applicant, deps.now()) : answer;
}

/** Says no to a device. @returns false when it was answered before. */
export async function denyDevice(deps: DeviceDeps, id: string): Promise<boolean> {
  const found = await deps.oidcRecords.find(id, deps.now());
  if (found === null) return false;
  const denied = { error: "access_denied", errorDescription: "the person said no" };
  const payload = JSON.stringify({ ...(JSON.parse(found.payload) as object), ...denied });
  return deps.oidcRecords.answerDevice(id, { grantId: null, subscriberId: null, signInId: null, payload }, deps.now());
}

/**
 * Lets a device in as part of a sign-in: it ends with it, unless its client may go on.
 *
 * @param approved - Right after the approval that named the device.
 * @returns false when it may not be let in, or was answered before.
 */
export async function acceptDevice(
  deps: DeviceDeps,
  provider: Provider,
  id: string,
  approved: DeviceOwner,
): Promise<boolean> {
  const { session, subscriber } = approved;
  const found = await deps.oidcRecords.find(id, deps.now());
  const clientId = found?.clientId ?? "";
  const [client, application] = await Promise.all([deps.clients.find(clientId), deps.applications.find(clientId)]);
  if (found === null || client === null || application === null) return false;
  if (session.level < 2 || (await admissionOf(deps, application, approved)) !== "yes") return false;
  const scope = scopesOf(found, client.mayStayOffline).join(" ");
  const grant = new provider.Grant({ accountId: subscriber.id, clientId });
  grant.addOIDCScope(scope);
  const grantId = await Object.assign(grant, { sessionUid: session.signInId }).save();
  const payload = JSON.stringify({
    ...(JSON.parse(found.payload) as object),
    ...{ accountId: subscriber.id, grantId, scope, sessionUid: session.signInId },
    ...{ acr: ACR_OF_LEVEL[session.level], amr: session.methods, sid: sidOf(session.signInId, clientId) },
    authTime: Math.floor(session.authenticatedAt.getTime() / 1000),
  });
  const answer = { grantId, subscriberId: subscriber.id, signInId: session.signInId, payload };
  if (await deps.oidcRecords.answerDevice(id, answer, deps.now())) return true;
  await deps.oidcRecords.removeGrant(grantId);
  return false;
}

function scopesOf({ payload }: FoundRecord, mayStayOffline: boolean): string[] {
  const asked = ((JSON.parse(payload) as DevicePayload).params?.scope ?? "").split(" ");
  return asked.filter((scope) => scope !== "" && (scope !== "offline_access" || mayStayOffline));
}
