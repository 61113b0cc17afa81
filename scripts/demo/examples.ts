import { randomUUID } from "node:crypto";

import { openDatabase } from "../../src/database/data-source.js";
import { databaseRows } from "../../src/database/rows.js";
import { addClient, removeClient } from "../../src/domain/administer-clients.js";
import { newApplication } from "../../src/domain/manage-applications.js";
import { startPart } from "../../test/kit/part.js";
import type { StartSettings } from "../../test/kit/processes.js";
import type { Ports } from "./addresses.js";

/** Two small applications of examples/, one behind the gate and one that speaks OpenID Connect. */
export interface Examples {
  readonly behindTheGate: string;
  readonly openIdConnect: string;
}

const CLIENT_ID = "wiki";

/** Adds the two applications, as `npm run admin` would, for everyone who has approved on the phone. */
export async function addExamples(databaseUrl: string, ports: Ports): Promise<Examples> {
  // Not localhost: cookies do not know ports, and neither application is to get that of Countersign.
  const [behindTheGate, openIdConnect] = [ports.reports, ports.wiki].map((port) => `http://127.0.0.1:${port}`);
  if (behindTheGate === undefined || openIdConnect === undefined) throw new Error("the examples have no ports");
  const database = await openDatabase(databaseUrl);
  try {
    const deps = { ...databaseRows(database), now: () => new Date() };
    const asks = { level: 2, maxAgeSeconds: null } as const;
    const admitted = [{ everyone: true }] as const;
    await deps.transaction(async ({ sites, applications }) => {
      const reports = newApplication({ ...asks, name: "Reports", admitted }, "site", randomUUID(), deps.now());
      const site = { applicationId: reports.id, origin: behindTheGate, publicPaths: [], allowsPreflight: false };
      // It is there already after an earlier demo at the same port.
      if (await sites.insert(site)) await applications.insert(reports);
    });
    await removeClient(deps, CLIENT_ID);
    await addClient(deps, {
      ...{ ...asks, id: CLIENT_ID, name: "Wiki", kind: "public", admits: admitted },
      ...{ redirectUris: [`${openIdConnect}/callback`], logoutRedirectUris: [`${openIdConnect}/`] },
      ...{ backChannelUri: null, origins: [], jwks: null, asksConsent: false, mayStayOffline: false },
    });
  } finally {
    await database.destroy();
  }
  return { behindTheGate, openIdConnect };
}

/** Starts both, and waits until they listen. The web process answers already. */
export async function startExamples(
  { reports, wiki, web }: Ports,
  settings: (name: string) => StartSettings,
): Promise<void> {
  const issuer = settings("wiki").env["PUBLIC_URL"] ?? "";
  const start = async (name: string, script: string, own: NodeJS.ProcessEnv): Promise<void> => {
    const given = settings(name);
    const part = startPart({ ...given, name, script, env: { ...given.env, ...own } });
    await part.waitForLine(({ msg }) => msg?.includes("listen") === true, 30_000);
  };
  await Promise.all([
    start("reports", "examples/behind-the-gate.mjs", {
      PORT: String(reports),
      COUNTERSIGN: `http://127.0.0.1:${web}`,
    }),
    start("wiki", "examples/openid-connect.mjs", { PORT: String(wiki), ISSUER: issuer, CLIENT_ID }),
  ]);
}
