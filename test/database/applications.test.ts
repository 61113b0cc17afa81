import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";

import type { Application } from "../../src/domain/application.js";
import type { Deps } from "../../src/domain/deps.js";
import { openSession } from "../../src/domain/open-session.js";
import { anOwner, aSession, at, onBothDatabases, type Store, winners } from "./both.js";

async function anApplication({ applications }: Store, given: Partial<Application> = {}): Promise<string> {
  const id = randomUUID();
  await applications.insert({
    ...{ id, kind: "site", name: id, level: 2, maxAgeSeconds: null },
    ...{ admitsEveryone: false, groups: [], createdAt: at(0) },
    ...given,
  });
  return id;
}

onBothDatabases("applications, sites and groups", (store) => {
  it("R21: keeps whom an application admits, each once however often it is said", async () => {
    const { applications } = store();
    const id = await anApplication(store());
    assert.deepEqual((await applications.find(id))?.groups, []);
    assert.equal(await winners(Array.from({ length: 5 }, () => applications.admit(id, { group: "staff" }))), 1);
    assert.equal(await winners(Array.from({ length: 5 }, () => applications.admit(id, { everyone: true }))), 1);
    await applications.admit(id, { group: "board" });
    const admitting = await applications.find(id);
    assert.deepEqual([admitting?.admitsEveryone, admitting?.groups], [true, ["board", "staff"]]);
    assert.equal(await applications.dismiss(id, { group: "staff" }), true);
    assert.equal(await applications.dismiss(id, { group: "staff" }), false);
    assert.equal(await applications.dismiss(id, { everyone: true }), true);
    const left = (await applications.list("site")).find((one) => one.id === id);
    assert.deepEqual([left?.admitsEveryone, left?.groups], [false, ["board"]]);
    assert.equal(await applications.remove(id), true);
    assert.equal(await applications.remove(id), false);
    assert.equal(await applications.find(id), null);
  });

  it("keeps one site for each origin, with its public paths", async () => {
    const { sites } = store();
    const origin = `https://${randomUUID()}.example.org`;
    const site = { origin, publicPaths: ["/healthz", "GET /feed/*"], allowsPreflight: true };
    const applicationId = await anApplication(store());
    assert.equal(await sites.insert({ ...site, applicationId }), true);
    assert.equal(await sites.insert({ ...site, applicationId: await anApplication(store()) }), false);
    assert.deepEqual(await sites.find(origin), { ...site, applicationId });
    assert.deepEqual(await sites.findOfApplication(applicationId), { ...site, applicationId });
    await sites.remove(applicationId);
    assert.equal(await sites.find(origin), null);
  });

  it("puts accounts into groups and takes them out, and counts who is in them", async () => {
    const { memberships } = store();
    const [one, other] = [await anOwner(store()), await anOwner(store())];
    const [first, second] = [`a${randomUUID()}`, `b${randomUUID()}`];
    assert.equal(await winners(Array.from({ length: 5 }, () => memberships.add(one.subscriberId, first, at(0)))), 1);
    await memberships.add(one.subscriberId, second, at(0));
    await memberships.add(other.subscriberId, first, at(0));
    assert.deepEqual(await memberships.list(one.subscriberId), [first, second]);
    const counted = (await memberships.count()).filter(({ group }) => [first, second].includes(group));
    assert.deepEqual(counted, [
      { group: first, members: 2 },
      { group: second, members: 1 },
    ]);
    assert.equal(await memberships.remove(one.subscriberId, first), true);
    assert.equal(await memberships.remove(one.subscriberId, first), false);
    assert.deepEqual(await memberships.list(one.subscriberId), [second]);
  });

  it("R22: disables an account once, with its next epoch, and enables it again", async () => {
    const { subscribers, sessions } = store();
    const owner = await anOwner(store());
    const id = await aSession(store(), owner);
    const { subscriberId } = owner;
    assert.equal(await winners(Array.from({ length: 5 }, () => subscribers.disable(subscriberId, at(1)))), 1);
    const disabled = await subscribers.find(subscriberId);
    assert.deepEqual([disabled?.disabledAt, disabled?.epoch], [at(1), 2]);
    assert.deepEqual(await sessions.living([id], at(2)), []);
    assert.equal(await subscribers.enable(subscriberId), true);
    assert.equal(await subscribers.enable(subscriberId), false);
    assert.equal((await subscribers.find(subscriberId))?.disabledAt, null);
    assert.deepEqual(await sessions.living([id], at(2)), [], "what ended stays ended");
  });

  it("R54: takes an address as verified from when an operator says so", async () => {
    const { subscribers } = store();
    const { subscriberId } = await anOwner(store());
    assert.equal((await subscribers.find(subscriberId))?.emailVerifiedAt, null);
    await subscribers.noteVerifiedEmail(subscriberId, at(5));
    assert.deepEqual((await subscribers.find(subscriberId))?.emailVerifiedAt, at(5));
  });

  it("R44: finds the living session of a sign-in, and none once it has ended", async () => {
    const { sessions } = store();
    const owner = await anOwner(store());
    const signInId = randomUUID();
    const id = await aSession(store(), owner, { signInId, methods: ["pwd", "mca", "swk", "mfa"] });
    const found = await sessions.findOfSignIn(signInId, at(1));
    assert.deepEqual([found?.id, found?.methods], [id, ["pwd", "mca", "swk", "mfa"]]);
    await sessions.renew(id, {}, { keyHash: randomUUID(), methods: ["pwd"] });
    assert.deepEqual((await sessions.findOfSignIn(signInId, at(1)))?.methods, ["pwd"]);
    await sessions.end(owner.subscriberId, id, at(2));
    assert.equal(await sessions.findOfSignIn(signInId, at(3)), null);
  });

  it("R44: finds what a client was given as long as a session of its sign-in lives", async () => {
    const { sessions, oidcRecords } = store();
    const owner = await anOwner(store());
    const [id, signInId] = [randomUUID(), randomUUID()];
    const session = await aSession(store(), owner, { signInId });
    await oidcRecords.save({
      ...{ id, model: "AccessToken", grantId: randomUUID(), clientId: "client", signInId, outlives: false },
      ...{ subscriberId: owner.subscriberId, userCodeHash: null, payload: "{}", createdAt: at(1), expiresAt: at(600) },
    });
    assert.equal((await oidcRecords.find(id, at(2)))?.signInId, signInId);
    await sessions.end(owner.subscriberId, session, at(2));
    assert.equal(await oidcRecords.find(id, at(3)), null);
  });

  it("R44, R46: goes on with a sign-in for the same person alone, and with none that was ended", async () => {
    const { sessions, transaction } = store();
    const [owner, other] = [await anOwner(store()), await anOwner(store())];
    const settings = { sessionIdleSeconds: 60, sessionMaxSeconds: 600, rememberSeconds: 6000 } as Deps["settings"];
    const again = async (subscriberId: string, former: string) =>
      transaction((rows) =>
        openSession(
          { ...rows, settings, now: () => at(1) },
          {
            subscriberId,
            level: 2,
            epoch: 1,
            challengeId: null,
            isRemembered: false,
            passwordAt: at(1),
            methods: ["pwd"],
          },
          { address: "", browserLabel: "", knownKey: null, sessionKeyHash: `key of ${former}` },
        ),
      );
    const former = await aSession(store(), owner);
    const next = await again(owner.subscriberId, former);
    assert.deepEqual([next.session.signInId, next.session.authenticatedAt], [former, at(1)]);
    assert.notEqual((await again(owner.subscriberId, former)).session.signInId, former, "it had ended by then");
    const foreign = await aSession(store(), owner);
    assert.notEqual((await again(other.subscriberId, foreign)).session.signInId, foreign);
    assert.equal(await sessions.findOfSignIn(foreign, at(2)), null);
  });

  it("R25: gives a ticket to one of many who have it at once, for its site, in its visit and in time", async () => {
    const { gate } = store();
    const [keyHash, visitHash, applicationId] = [randomUUID(), randomUUID(), randomUUID()];
    const ticket = { applicationId, visitHash, signInId: "s", subscriberId: "a", expiresAt: at(1000) };
    await gate.insertTicket({ ...ticket, keyHash });
    const spend = (now: Date, site: string = applicationId, visit: string = visitHash) =>
      gate.spendTicket(keyHash, site, visit, now);
    assert.equal(await spend(at(1), "another"), false);
    assert.equal(await spend(at(1), applicationId, "another"), false);
    assert.equal(await spend(at(1000)), false);
    assert.equal(await winners(Array.from({ length: 50 }, () => spend(at(999)))), 1);
    assert.deepEqual((await gate.findTicket(keyHash))?.usedAt, at(999));
  });

  it("R44, R45: finds a guest as long as a session of the sign-in lives, and leaves other applications alone", async () => {
    const { gate, sessions, sites, memberships } = store();
    const owner = await anOwner(store());
    const { subscriberId } = owner;
    const id = await aSession(store(), owner, { signInId: randomUUID() });
    const session = await sessions.load(`key of ${id}`, at(1));
    assert.ok(session);
    const [one, other] = [await anApplication(store()), await anApplication(store(), { groups: ["b", "a"] })];
    const origin = `https://${other}.example.org`;
    await sites.insert({ applicationId: other, origin, publicPaths: ["/x"], allowsPreflight: false });
    const found = await gate.findSite(origin);
    assert.deepEqual([found?.site.publicPaths, found?.application.groups], [["/x"], ["a", "b"]]);
    assert.deepEqual(found?.application.createdAt, at(0));
    await memberships.add(subscriberId, "b", at(0));
    await memberships.add(subscriberId, "a", at(0));
    for (const applicationId of [one, other])
      await gate.insertSession({
        ...{
          keyHash: `at ${applicationId}`,
          applicationId,
          signInId: session.signInId,
          subscriberId,
          createdAt: at(1),
        },
      });
    const guest = await gate.findGuest(`at ${one}`, one, at(2));
    assert.deepEqual([guest?.session.id, guest?.groups, guest?.subscriber.epoch], [id, ["a", "b"], 1]);
    assert.equal(await gate.findGuest(`at ${one}`, other, at(2)), null);
    assert.equal((await gate.listOfSubscriber(subscriberId, at(2))).length, 2);
    assert.equal(await gate.endOfSubscriber(subscriberId, one), 1);
    assert.equal(await gate.findGuest(`at ${one}`, one, at(2)), null);
    assert.equal((await gate.findGuest(`at ${other}`, other, at(2)))?.session.id, id);
    await sessions.end(subscriberId, id, at(3));
    assert.equal(await gate.findGuest(`at ${other}`, other, at(4)), null);
    assert.deepEqual(await gate.listOfSubscriber(subscriberId, at(4)), []);
  });

  it("R44: gives a session of the release before its sign-in when it is first read", async () => {
    const { database, sessions } = store();
    const owner = await anOwner(store());
    const id = await aSession(store(), owner, { passwordAt: at(7) });
    await database.query(
      "UPDATE sessions SET sign_in_id = NULL, methods = NULL, authenticated_at = NULL WHERE key_hash = 'key of " +
        `${id}'`,
    );
    const read = await sessions.load(`key of ${id}`, at(8));
    assert.deepEqual([read?.signInId, read?.methods, read?.authenticatedAt], [id, ["pwd", "mfa"], at(7)]);
    assert.equal((await sessions.findOfSignIn(id, at(8)))?.id, id);
  });
});
