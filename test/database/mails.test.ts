import assert from "node:assert/strict";
import { it } from "node:test";

import { rowsIn } from "../../src/database/rows.js";
import type { Deps } from "../../src/domain/deps.js";
import type { Delivery, ReadyMail } from "../../src/domain/mail.js";
import { sendDueMails } from "../../src/domain/send-mails.js";
import { anOwner, at, onBothDatabases, type Owner, type Store, whileRefused } from "./both.js";

type SendDeps = Parameters<typeof sendDueMails>[0];

/** What a worker has that sends messages at that moment. */
function workerOf(store: Store, sent: ReadyMail[], ms: number, delivery: Delivery = { kind: "sent" }): SendDeps {
  const ready = { to: "", subject: "", text: "", html: "" };
  return {
    ...rowsIn(store.database.manager, true),
    now: () => at(ms),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    settings: { mailSilenceSeconds: 10, mailRetrySeconds: [60] } as unknown as Deps["settings"],
    mail: {
      postman: {
        send(mail) {
          sent.push(mail);
          return Promise.resolve(delivery);
        },
        close: () => undefined,
      },
      compose: ({ id }) => ({ ...ready, id }),
      linkUrl: (_purpose, token) => token,
    },
  };
}

function recordNotice({ database }: Store, { subscriberId }: Owner): Promise<void> {
  return database.manager.transaction((manager) =>
    rowsIn(manager, true).audit.record({
      ...{ subscriberId, kind: "password-changed", at: at(0), origin: { address: "", browserLabel: "" } },
      mails: [{ kind: "password-changed" }],
    }),
  );
}

onBothDatabases("the outbox", (store) => {
  it("M2 has a message with its event, or neither", async () => {
    const owner = await anOwner(store());
    await whileRefused(store().database, "INSERT ON mails", async () => {
      await assert.rejects(recordNotice(store(), owner));
    });
    assert.deepEqual(await store().audit.list(owner.subscriberId, { limit: 5 }), []);
    assert.equal((await store().mails.counts()).due, 0);
  });

  it("M3 gives each message to one of several workers, and after a death to the next one once its lease is over", async () => {
    for (let each = 0; each < 60; each++) await recordNotice(store(), await anOwner(store()));
    const sent: ReadyMail[] = [];
    await Promise.all([1, 2, 3].map(() => sendDueMails(workerOf(store(), sent, 1000))));
    assert.equal(sent.length, 60);
    assert.equal(new Set(sent.map(({ id }) => id)).size, 60);

    await recordNotice(store(), await anOwner(store()));
    const copies: ReadyMail[] = [];
    const dies = workerOf(store(), copies, 2000);
    await assert.rejects(
      sendDueMails({ ...dies, mails: { ...dies.mails, settle: () => Promise.reject(new Error("killed")) } }),
      /killed/,
    );
    await sendDueMails(workerOf(store(), copies, 3000));
    assert.equal(copies.length, 1, "its lease was not kept");
    await sendDueMails(workerOf(store(), copies, 33_000));
    await sendDueMails(workerOf(store(), copies, 66_000));
    assert.deepEqual([copies.length, copies[0]?.id], [2, copies[1]?.id]);
  });

  it("M2 tries again what the server did not take, after its pause and for a day", async () => {
    await recordNotice(store(), await anOwner(store()));
    const sent: ReadyMail[] = [];
    const later = { kind: "later", reason: "away" } as const;
    for (const ms of [1000, 30_000, 62_000]) await sendDueMails(workerOf(store(), sent, ms, later));
    assert.equal(sent.length, 2, "it did not wait");
    await sendDueMails(workerOf(store(), sent, 86_400_000, later));
    const [givenUp] = await store().mails.listTroubled(5);
    assert.deepEqual([givenUp?.state, givenUp?.failure], ["given-up", "away"]);
  });
});
