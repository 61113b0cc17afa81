import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import { answerResetRequests } from "../../src/domain/request-reset.js";
import { sendDueMails } from "../../src/domain/send-mails.js";
import { serveApplication } from "../http/served-application.js";
import { type Browser, openBrowser } from "../kit/browser.js";
import { linkIn, mailSettings, startMailServer } from "../kit/mail-server.js";
import { startPostfix } from "../kit/postfix.js";
import { until } from "../kit/until.js";

const PASSWORD = "violet harbour lantern nine";
const NEW_PASSWORD = "seven copper kettles sing";

/** What the server behind the relay says to an address, once for each entry. */
const answers = new Map<string, string[]>();
const server = await startMailServer(
  { after },
  {
    onRcptTo({ address }, _session, done) {
      const answer = answers.get(address)?.shift();
      done(
        answer === undefined
          ? null
          : Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) }),
      );
    },
  },
);
const postfix = await startPostfix({ after }, server.port, "nobody@example.com");
const { origin, deps: all } = await serveApplication({ after }, mailSettings(postfix));
assert.ok(all.mail);
const deps = { ...all, mail: all.mail };

/** What a worker does each second. */
async function work(): Promise<void> {
  await answerResetRequests(deps);
  await sendDueMails(deps);
}

async function register(username: string): Promise<Browser> {
  const browser = openBrowser(origin);
  const form = { username, email: `${username}@example.com`, password: PASSWORD };
  assert.equal((await browser.post("/register", form)).location, "/account");
  await work();
  return browser;
}

async function rowOf(username: string, kind: string) {
  const { id = "" } = (await deps.subscribers.findByName(username)) ?? {};
  return { id, kind, troubled: (await deps.mails.listTroubled(50)).find((row) => row.subscriberId === id) };
}

describe("messages through Debian's Postfix", () => {
  it("M1 M7 arrive once each: the story of a forgotten password, and of a browser that the account does not know", async () => {
    await register("ada");
    const welcome = await server.mailTo("ada@example.com", /confirm/);
    assert.match(welcome.headers["received"] ?? "", /by relay\.invalid \(Postfix\)/);
    assert.equal(welcome.headers["auto-submitted"], "auto-generated");
    assert.equal((await openBrowser(origin).post(linkIn(welcome))).status, 303);

    await openBrowser(origin).post("/password/reset", { username: "ada" });
    await work();
    const reset = linkIn(await server.mailTo("ada@example.com", /choose a new password/));
    const browser = openBrowser(origin);
    assert.equal((await browser.post(reset, { password: NEW_PASSWORD })).location, "/login");
    assert.equal((await browser.post("/login", { username: "ada", password: NEW_PASSWORD })).location, "/account");
    await work();
    await server.mailTo("ada@example.com", /do not know/);
    await server.mailTo("ada@example.com", /new password was chosen/);
    await work();
    const subjects = server.allTo("ada@example.com").map(({ subject }) => subject);
    assert.equal(new Set(subjects).size, 4);
    assert.equal(subjects.length, 4, "each once");
    assert.deepEqual(await deps.mails.counts(), { due: 0, givenUp: 0, sent: 4 });
  });

  it("M2 wait while it is away, and arrive once when it is back", async () => {
    await postfix.stop();
    await register("ben");
    const { troubled } = await rowOf("ben", "welcome");
    assert.equal(troubled?.state, "due");
    assert.match(troubled.failure, /ECONNREFUSED|ESOCKET/);
    await postfix.start();
    await until(async () => {
      await work();
      return server.allTo("ben@example.com").length > 0;
    }, "the message did not arrive");
    await work();
    assert.equal(server.allTo("ben@example.com").length, 1);
    assert.equal((await rowOf("ben", "welcome")).troubled, undefined);
  });

  it("M2 are given up at a 550 of the relay, and the row has its words", async () => {
    await register("nobody");
    const { troubled } = await rowOf("nobody", "welcome");
    assert.equal(troubled?.state, "given-up");
    assert.match(troubled.failure, /^550 5\.1\.1 <nobody@example\.com>.*nobody here/);
    assert.equal(server.allTo("nobody@example.com").length, 0);
  });

  it("M2 are the relay's once it took them: it tries again by itself, and reports a refusal to the sender's address", async () => {
    answers.set("carl@example.com", ["451 come again", "451 come again"]);
    await register("carl");
    await until(() => server.allTo("carl@example.com").length > 0, "the relay did not come again");
    assert.equal(server.allTo("carl@example.com").length, 1);

    answers.set("dora@example.com", ["550 no such mailbox"]);
    await register("dora");
    const report = await server.mailTo("login@example.com");
    assert.match(report.subject, /Undelivered/);
    assert.match(report.text, /no such mailbox/);
    assert.equal((await rowOf("dora", "welcome")).troubled, undefined);
  });

  it("reach an address with letters of any language, as it offers SMTPUTF8", async () => {
    const to = "grüße@example.com";
    const delivery = await deps.mail.postman.send({ id: "utf8", to, subject: "Grüße", text: "Grüße", html: "" });
    assert.deepEqual(delivery, { kind: "sent" });
    assert.equal((await server.mailTo(to)).subject, "Grüße");
  });
});
