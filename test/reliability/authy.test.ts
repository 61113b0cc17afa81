import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { BOUNDED, inTime } from "../kit/in-time.js";
import { enrol, stateIn } from "../kit/people.js";
import { startBalanced } from "./sign-ins.js";

type Answering = (req: IncomingMessage, res: ServerResponse) => void;

/** An Authy that does as it is told. */
async function strangeAuthy(
  t: TestContext,
): Promise<{ url: string; be: (answering: Answering) => void; asked: string[] }> {
  let answering: Answering = (_req, res) => res.end();
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.method ?? ""} ${req.url ?? ""}`);
    res.on("error", () => undefined);
    answering(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, be: (now) => (answering = now) };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answering =>
  (_req, res) =>
    res.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

const ILLS: readonly [string, Answering][] = [
  ["F2: silent", () => undefined],
  [
    "F2: so slow that each byte takes a second",
    (_req, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      const drip = setInterval(() => res.write(" "), 500);
      res.once("close", () => {
        clearInterval(drip);
      });
    },
  ],
  ["F3: throttling", json(429, { success: false, message: "slow down" }, { "retry-after": "3600" })],
  ["F4: broken", json(503, { success: false })],
  ["F5: answering success without a name", json(200, { success: true })],
  ["F5: answering an array", json(200, [])],
  ["F5: answering a page", (_req, res) => res.writeHead(200, { "content-type": "text/html" }).end("<h1>Hello</h1>")],
  ["F5: hanging up", (req) => req.socket.destroy()],
  ["F6: redirecting", (_req, res) => res.writeHead(302, { location: "http://127.0.0.1:9/steal" }).end()],
  [
    "F6: sending 400 MB",
    (_req, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      const megabyte = Buffer.alloc(1_048_576, 32);
      let left = 400;
      const more = (): void => {
        while (left > 0 && !res.destroyed) {
          left -= 1;
          if (!res.write(megabyte)) return void res.once("drain", more);
        }
        res.end();
      };
      more();
    },
  ],
];

describe("Authy is ill", () => {
  it(
    "F1 to F6: a sign-in answers within 4.5 s, says so, offers other ways and asks once (T8)",
    { timeout: 500_000 },
    async (t) => {
      const authy = await strangeAuthy(t);
      const program = await startBalanced(t, { workers: 0, env: { AUTHY_API_URL: authy.url } });
      for (const [n, [ill, answering]] of ILLS.entries()) {
        const person = await enrol(program, `person${n}`);
        await person.browser.post("/logout");
        authy.be(answering);
        authy.asked.length = 0;
        const before = memoryOf(await person.browser.get("/metrics"));
        const { value } = await inTime(4500, ill, person.login());
        assert.equal(value.location, "/login/approval", ill);
        const page = await person.browser.get("/login/approval");
        assert.equal(stateIn(page.body), "failed", ill);
        assert.match(page.body, /href="\/login\/code"/, ill);
        assert.equal(authy.asked.length, 1, `${ill}: a push is not sent twice unasked`);
        const grown = memoryOf(await person.browser.get("/metrics")) - before;
        assert.ok(grown < 100e6, `${ill}: memory grew by ${grown} bytes`);
      }
    },
  );

  it("F1: away altogether, people are told, and codes are offered", BOUNDED, async (t) => {
    const program = await startBalanced(t, { workers: 0, env: { AUTHY_API_URL: "http://127.0.0.1:9" } });
    const ada = await enrol(program, "ada");
    await ada.browser.post("/logout");
    const { value } = await inTime(4500, "the sign-in", ada.login());
    assert.equal(value.location, "/login/approval");
    const page = await ada.browser.get("/login/approval");
    assert.equal(stateIn(page.body), "failed");
    assert.match(page.body, /href="\/login\/code"/);
  });
});

function memoryOf({ body }: { body: string }): number {
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(body)?.[1]);
}
