import assert from "node:assert/strict";
import { after, describe, it } from "node:test";

import type { ReadyMail } from "../../src/domain/mail.js";
import { senderIn, smtpAddress } from "../../src/mail/address.js";
import { wrapped } from "../../src/mail/compose.js";
import { messageId, smtpPostman } from "../../src/mail/smtp.js";
import { FINAL_FAULTS, MAIL_FAULTS, startFaultyMailServer } from "../kit/faulty-mail-server.js";
import { startMailServer } from "../kit/mail-server.js";

const FROM = { name: "Example", address: "login@example.com" };
const mail = (to: string): ReadyMail => ({
  id: "the-row",
  to,
  subject: "Grüße",
  text: "Guten Tag\n.\nund mehr",
  html: "",
});

describe("a mail server that misbehaves", async () => {
  const server = await startFaultyMailServer({ after });
  for (const fault of MAIL_FAULTS)
    it(`M2 ${fault}: ${FINAL_FAULTS.includes(fault) ? "the message is given up" : "says nothing about the message"}`, async () => {
      const postman = smtpPostman(smtpAddress(server.url), FROM, 1);
      server.fault = fault;
      const startedAt = performance.now();
      const delivery = await postman.send(mail("ann@example.com"));
      assert.equal(delivery.kind, FINAL_FAULTS.includes(fault) ? "refused" : "later");
      assert.ok(performance.now() - startedAt < 4000, "the conversation lasted longer than it may");
      server.fault = "well";
      assert.deepEqual(await postman.send(mail("ann@example.com")), { kind: "sent" });
      const last = server.arrived.at(-1);
      assert.equal(last?.subject, "Grüße");
      assert.equal(last.text.trim(), "Guten Tag\n.\nund mehr");
      assert.equal(last.headers["message-id"], messageId("the-row", FROM));
      postman.close();
    });
});

describe("a mail server", () => {
  it("that refuses our password says nothing about the message", async () => {
    const server = await startMailServer(
      { after },
      {
        disabledCommands: ["STARTTLS"],
        allowInsecureAuth: true,
        onAuth: (_auth, _session, done) => done(Object.assign(new Error("no"), { responseCode: 535 })),
      },
    );
    const postman = smtpPostman(smtpAddress(server.url.replace("//", "//me:secret@")), FROM, 5);
    const delivery = await postman.send(mail("ann@example.com"));
    assert.equal(delivery.kind, "later");
    assert.doesNotMatch(delivery.reason, /secret/);
    postman.close();
  });

  it("on another host must offer STARTTLS", async () => {
    const server = await startMailServer({ after });
    const mapped = smtpAddress(`smtp://[::ffff:127.0.0.1]:${server.port}`);
    assert.equal(mapped.isLoopback, false);
    const postman = smtpPostman(mapped, FROM, 5);
    assert.equal((await postman.send(mail("ann@example.com"))).kind, "later");
    assert.equal(server.received.length, 0);
    postman.close();
  });

  it("gets an address with any letters where it offers SMTPUTF8, else the reason says why not", async () => {
    const [offers, hides] = [
      await startMailServer({ after }),
      await startMailServer({ after }, { hideSMTPUTF8: true }),
    ];
    const send = async (url: string, to: string) => {
      const postman = smtpPostman(smtpAddress(url), FROM, 5);
      const delivery = await postman.send(mail(to));
      postman.close();
      return delivery;
    };
    assert.deepEqual(await send(offers.url, "bücher@example.com"), { kind: "sent" });
    assert.equal(offers.received[0]?.to, "bücher@example.com");
    const refused = await send(hides.url, "bücher@example.com");
    assert.equal(refused.kind, "refused");
    assert.match(refused.reason, /SMTPUTF8/);
    assert.deepEqual(await send(hides.url, "ann@bücher.example"), { kind: "sent" });
    assert.equal(hides.received[0]?.to, "ann@bücher.example"); // the server reads Punycode
  });
});

it("addresses of mail servers are read, or refused without being repeated", () => {
  assert.deepEqual(smtpAddress("smtp://me:p%40ss@mail.example.com"), {
    ...{ host: "mail.example.com", port: 587, isEncrypted: false, isLoopback: false },
    auth: { user: "me", pass: "p@ss" },
  });
  assert.equal(smtpAddress("smtps://mail.example.com").port, 465);
  assert.equal(smtpAddress("smtp://[::1]:2525").isLoopback, true);
  for (const wrong of [
    "http://x",
    "smtp://",
    "smtp://me@host",
    "smtp://me:s#cret@host",
    "smtp://host?pool=true",
    "smtp:host",
  ])
    assert.throws(
      () => smtpAddress(wrong),
      (error: Error) => !error.message.includes("cret@"),
      wrong,
    );
});

it("senders are an address, with a name or without", () => {
  assert.deepEqual(senderIn("Acme Sign-in <login@example.com>"), {
    name: "Acme Sign-in",
    address: "login@example.com",
  });
  assert.deepEqual(senderIn('"Acme, Inc." <login@example.com>'), { name: "Acme, Inc.", address: "login@example.com" });
  assert.deepEqual(senderIn("login@example.com"), { name: "", address: "login@example.com" });
  for (const wrong of ["Acme", "Acme <login>", "a@b, c@d", "a@b\r\nBcc: c@d", "<a@b", "a@b>"])
    assert.equal(senderIn(wrong), null, wrong);
});

it("paragraphs are broken at 76 columns", () => {
  const lines = wrapped("word ".repeat(60).trim(), 76).split("\n");
  assert.ok(lines.every((line) => line.length <= 76));
  assert.equal(lines.join(" "), "word ".repeat(60).trim());
});
