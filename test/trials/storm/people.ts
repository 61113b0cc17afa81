import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { type DataSource } from "typeorm";

import { type FactorRow, type SubscriberRow } from "../../../src/database/schema.js";
import { scan } from "../../../sandbox/registration.js";
import { registrationUrl } from "../attack/phone.js";
import { type Browser, openBrowser } from "./browser.js";
import { type Person } from "./sign-in.js";
import { type World } from "./world.js";

const TRIES = 20;

/** Somebody with an account, a phone, and a browser that the account knows. */
export async function enrolPerson(
  world: World,
  database: DataSource,
  name: string,
  told: Parameters<typeof openBrowser>[1],
): Promise<Person> {
  const browser = openBrowser(world.site, told);
  const password = randomBytes(12).toString("hex");
  for (let tries = 1; ; tries++) {
    const form = await browser.get("/register");
    const fields = { csrf: csrfIn(form?.body), username: name, email: `${name}@example.com`, password };
    const answer = await browser.post("/register", fields);
    if (answer?.status === 303) break;
    if (tries === TRIES) throw new Error(`${name} could not register: ${answer?.status ?? "no answer"}`);
    await wait(1000); // a busy server says so
  }
  await leave(browser);
  const authyId = scan(world.sandbox, registrationUrl(world.apiKey, "Countersign storm", "359137"), null).phone.authyId;
  const { id } = await database.getRepository<SubscriberRow>("subscriber").findOneByOrFail({ usernameKey: name });
  await database.getRepository<FactorRow>("factor").insert({
    ...{ id: randomUUID(), subscriberId: id, type: "authy-push", providerId: String(authyId), state: "active" },
    ...{ createdAt: new Date(), removedAt: null, removedUpstreamAt: null },
  });
  return { username: name, password, browser, phone: phoneOf(world, authyId) };
}

async function leave(browser: Browser): Promise<void> {
  const account = await browser.get("/account");
  await browser.post("/logout", { csrf: csrfIn(account?.body) });
}

function csrfIn(page: string | undefined): string {
  return /name="csrf" value="([^"]+)"/.exec(page ?? "")?.[1] ?? "";
}

function phoneOf({ sandbox, sandboxUrl }: World, authyId: number): Person["phone"] {
  const answered = new Set<string>();
  return {
    ringing() {
      const newest = sandbox.state.requests.findLast((each) => each.authyId === authyId);
      return newest?.answer === null && !answered.has(newest.uuid) ? newest.uuid : undefined;
    },
    async answer(uuid, action) {
      answered.add(uuid);
      const answer = await fetch(`${sandboxUrl}/phone/requests/${uuid}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ action }),
      }).catch(() => null);
      await answer?.text();
      return answer?.ok === true;
    },
  };
}
