import { randomUUID } from "node:crypto";

import { allOrNothing } from "./all-or-nothing.js";
import type { Admitted, Application, Site } from "./application.js";
import type { Deps } from "./deps.js";

/** What an operator says of a new application. */
export interface NewApplication extends Pick<Application, "name" | "level" | "maxAgeSeconds"> {
  readonly admitted: readonly Admitted[];
}

/** The row of a new application. It admits nobody but whom it was told. */
export function newApplication(
  { name, level, maxAgeSeconds, admitted }: NewApplication,
  kind: Application["kind"],
  id: string,
  createdAt: Date,
): Application {
  const groups = admitted.flatMap((each) => ("group" in each ? each.group : []));
  const admitsEveryone = admitted.some((each) => "everyone" in each);
  return { id, kind, name, level, maxAgeSeconds, admitsEveryone, groups: [...new Set(groups)].sort(), createdAt };
}

/** The origin in an operator's text as browsers write it; null where it is none, or has more than an origin. */
export function originIn(text: string): string | null {
  if (!/^https?:\/\/[^/?#\\@]+\/?$/i.test(text) || !URL.canParse(text)) return null;
  const { origin } = new URL(text);
  return origin.length <= 300 ? origin : null;
}

/** Puts a site behind the gate. @returns null when its origin is taken. */
export async function addSite(
  deps: Pick<Deps, "transaction" | "settings" | "now">,
  site: Omit<Site, "applicationId">,
  given: NewApplication,
): Promise<Application | null> {
  return allOrNothing(deps, async (inside) => {
    const application = newApplication(given, "site", randomUUID(), inside.now());
    if (!(await inside.sites.insert({ ...site, applicationId: application.id }))) return null;
    await inside.applications.insert(application);
    await inside.audit.recordOfApplication(application.id, "application-added", inside.now(), site.origin);
    return application;
  });
}

/** Takes a site from behind the gate: nobody passes from now on. */
export async function removeSite(
  deps: Pick<Deps, "transaction" | "now">,
  { applicationId, origin }: Site,
): Promise<void> {
  await deps.transaction(async (rows) => {
    await rows.sites.remove(applicationId);
    await rows.gate.endOfApplication(applicationId);
    await rows.applications.remove(applicationId);
    await rows.audit.recordOfApplication(applicationId, "application-removed", deps.now(), origin);
  });
}

/** Admits some to an application, or no longer. @returns false when it was so before. */
export async function changeAdmitted(
  deps: Pick<Deps, "transaction" | "now">,
  { id }: Pick<Application, "id">,
  admitted: Admitted,
  change: "admit" | "dismiss",
): Promise<boolean> {
  return deps.transaction(async (rows) => {
    if (!(await rows.applications[change](id, admitted))) return false;
    const whom = "group" in admitted ? `group:${admitted.group}` : "everyone";
    const kind = change === "admit" ? "application-admits" : "application-dismisses";
    await rows.audit.recordOfApplication(id, kind, deps.now(), whom);
    return true;
  });
}
