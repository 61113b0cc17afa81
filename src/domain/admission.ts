import type { Application } from "./application.js";
import type { Deps } from "./deps.js";
import type { Factor } from "./factor.js";
import type { AssuranceLevel, Session } from "./session.js";
import type { Subscriber } from "./subscriber.js";

/** Whoever asks for an application. */
export interface Applicant {
  readonly session: Pick<Session, "level" | "epoch" | "authenticatedAt">;
  readonly subscriber: Pick<Subscriber, "epoch" | "disabledAt" | "mustChangePassword">;
  /** The account's groups. */
  readonly groups: readonly string[];
  /** The level that the account could reach with what is enrolled. */
  readonly reachableLevel: AssuranceLevel;
}

/**
 * - `sign-in`: nobody is signed in who could be admitted; or the account must have a new password first.
 * - `again`: the sign-in is too old, or began before a better factor was enrolled: password and factor once more.
 * - `phone`: the level is out of reach until a better factor is enrolled.
 * - `refused`: the application does not admit this account.
 */
export type Admission = "yes" | "sign-in" | "again" | "phone" | "refused";

/**
 * May this person, at this level, use this application? Asked anew by gate and provider each time, and by nobody else.
 *
 * @param applicant - Whose session lives; null where nobody is signed in.
 */
export function admission(
  application: Pick<Application, "level" | "maxAgeSeconds" | "admitsEveryone" | "groups">,
  applicant: Applicant | null,
  now: Date,
): Admission {
  if (applicant === null) return "sign-in";
  const { session, subscriber, groups, reachableLevel } = applicant;
  if (session.epoch !== subscriber.epoch || subscriber.disabledAt !== null || subscriber.mustChangePassword)
    return "sign-in";
  const isAdmitted = application.admitsEveryone || application.groups.some((group) => groups.includes(group));
  if (!isAdmitted) return "refused";
  if (session.level < application.level) return reachableLevel < application.level ? "phone" : "again";
  const { maxAgeSeconds } = application;
  const ageMs = now.getTime() - session.authenticatedAt.getTime();
  return maxAgeSeconds !== null && ageMs > maxAgeSeconds * 1000 ? "again" : "yes";
}

function reachableLevel(active: readonly Factor[]): AssuranceLevel {
  if (active.some(({ type }) => type === "passkey")) return 3;
  return active.length > 0 ? 2 : 1;
}

/** What admission asks about somebody who is signed in. */
export async function applicantOf(
  { memberships, factors }: Pick<Deps, "memberships" | "factors">,
  session: Session,
  subscriber: Subscriber,
): Promise<Applicant> {
  const [groups, active] = await Promise.all([memberships.list(subscriber.id), factors.listActive(subscriber.id)]);
  return { session, subscriber, groups, reachableLevel: reachableLevel(active) };
}
