import assert from "node:assert/strict";
import { Agent, request, type IncomingMessage } from "node:http";
import { after, describe, it } from "node:test";
import type Router from "@koa/router";
import fc from "fast-check";
import { createSandbox } from "../app.js";
import { noFaults } from "../faults.js";
import { createApprovalRequest } from "../approval-request.js";
import { addPhone } from "../phone.js";
import { API_KEY } from "./running.js";

/** A person may ask for more. */
const REQUESTS_PER_ROUTE = Number(process.env["SANDBOX_REQUESTS"] ?? 300);
const AT_ONCE = 16;

interface Malformed {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** Texts as attackers and mistakes make them. */
const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      "a",
      "b",
      "true",
      "0",
      "-1",
      "1e999",
      "null",
      "\0",
      "%",
      "%zz",
      "../..",
      "__proto__",
      "constructor",
      "a".repeat(3_000),
    ),
  },
  { weight: 1, arbitrary: fc.integer().map(String) },
);

/** The parameters that a route reads; the first pattern that fits counts. */
const FIELDS: [RegExp, string[]][] = [
  [/users\/new/, ["user"]],
  [/update/, ["email"]],
  [/secret/, ["label", "qr_size"]],
  [/activity/, ["type", "data"]],
  [/registrations/, ["custom_user_id"]],
  [/verify|sms|call|email/, ["force", "action", "action_message"]],
  [/approval_requests/, ["message", "details", "hidden_details", "logos", "seconds_to_expire"]],
  [/dashboard/, ["app_api_key", "access_key", "url", "name", "events"]],
  [/scan/, ["url", "phone"]],
  [/phone\/requests/, ["action"]],
  [/phones/, ["name", "installed"]],
  [/faults/, Object.keys(noFaults())],
  [/./, ["phone", "scan"]],
];
const nested = fc.constantFrom(
  "email",
  "cellphone",
  "country_code",
  "res",
  "url",
  "Account",
  "",
  "0",
  "__proto__",
  "toString",
);
const value = fc.oneof(
  text,
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(nested, fc.oneof(text, fc.jsonValue({ maxDepth: 1 })), { maxKeys: 4 }),
  fc.array(fc.dictionary(nested, text, { maxKeys: 3 }), { maxLength: 3 }),
);
const suffix = fc.oneof(
  { weight: 2, arbitrary: fc.constant("") },
  { weight: 1, arbitrary: nested.map((name) => `[${name}]`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("[]", "[][res]", "[][url]", "[0][res]", "[[x]]", "[", "]", "[a]".repeat(9)),
  },
);

const fieldsOf = (route: string): fc.Arbitrary<string> => {
  const own = FIELDS.find(([pattern]) => pattern.test(route))?.[1] ?? [];
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...own) },
    { weight: 1, arbitrary: fc.constantFrom("api_key", "__proto__", "toString") },
  );
};
const formOf = (fields: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fields, suffix, text), { maxLength: 8 })
    .map((pairs) =>
      pairs
        .map(([name, ending, given]) => `${name}${ending}=${encodeURIComponent(Buffer.from(given).toString())}`)
        .join("&"),
    );
const bodyOf = (fields: fc.Arbitrary<string>): fc.Arbitrary<Buffer> => {
  const json = fc.dictionary(fields, value, { maxKeys: 6 }).map((object) => JSON.stringify(object));
  return fc.oneof(
    { weight: 4, arbitrary: json.map((whole) => Buffer.from(whole)) },
    { weight: 1, arbitrary: json.map((whole) => Buffer.from(whole.slice(0, -3))) },
    { weight: 1, arbitrary: fc.json().map((whole) => Buffer.from(whole)) },
    { weight: 3, arbitrary: formOf(fields).map((pairs) => Buffer.from(pairs)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        Buffer.alloc(0),
        Buffer.from("[".repeat(5_000)),
        Buffer.from(`{"a":${"[".repeat(5_000)}`),
        Buffer.alloc(70_000, "a"),
      ),
    },
  );
};
const contentType = fc.constantFrom(
  "application/json",
  "application/json; charset=utf-16",
  "application/x-www-form-urlencoded",
  "text/plain",
  "multipart/form-data",
  "",
  ";",
);
const headerText = fc.oneof(
  fc.constantFrom(API_KEY, "", "wrong"),
  fc.string({ unit: "grapheme-ascii", maxLength: 30 }),
);

/** @param known - ids that are there, so that some requests get past the first question */
function malformed(method: string, route: string, known: string[]): fc.Arbitrary<Malformed> {
  const segment = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...known) },
    { weight: 1, arbitrary: text.map((given) => encodeURIComponent(Buffer.from(given).toString())) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("%", "%E0%A4%A", "%00", "1", "99999999999999999999", "..", "%2e%2e", ";", "a:b"),
    },
  );
  const path = fc
    .tuple(fc.array(segment, { minLength: 3, maxLength: 3 }), fc.option(formOf(fieldsOf(route))))
    .map(([segments, query]) => {
      let used = 0;
      const filled = route.replace(/:\w+/g, () => segments[used++] ?? "x");
      return query === null ? filled : `${filled}?${query}`;
    });
  const key = fc.oneof({ weight: 4, arbitrary: fc.constant(API_KEY) }, { weight: 1, arbitrary: headerText });
  const headers = fc.record({ key, type: contentType, nonce: headerText, signature: headerText });
  return fc
    .record({ method: fc.constant(method), path, body: bodyOf(fieldsOf(route)), headers })
    .map(({ headers: { key, type, nonce, signature }, ...rest }) => ({
      ...rest,
      headers: {
        "x-authy-api-key": key,
        "content-type": type,
        "x-authy-signature-nonce": nonce,
        "x-authy-signature": signature,
      },
    }));
}

describe("malformed requests", () => {
  const running = createSandbox({
    apiKey: API_KEY,
    port: 0,
    dashboard: { appApiKey: "a", accessKey: "b", signingKey: "c" },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const routes = routesOf(running.app.middleware);
  after(async () => {
    agent.destroy();
    await running.close();
  });

  it("go to every route that there is", () => {
    assert.ok(routes.length > 40, `${routes.length} routes`);
  });

  for (const [method, route] of routes)
    it(`never break ${method} ${route}`, async () => {
      const url = await (listening ??= running.listen());
      const queue = fc.sample(malformed(method, route, knownIds(running)), REQUESTS_PER_ROUTE);
      assert.equal(queue.length, REQUESTS_PER_ROUTE);
      const worker = async (): Promise<void> => {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          const status = await statusOf(url, next, agent);
          assert.ok(status < 500, `${status} for ${describeRequest(next)}`);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      running.sandbox.faults = noFaults();
      assert.equal(
        await statusOf(url, { method: "GET", path: "/phone/requests", headers: {}, body: Buffer.alloc(0) }, agent),
        200,
      );
    });
});

let listening: Promise<string> | undefined;

/** A phone that is a user, and a request on it: both made anew, for the requests before may have removed them. */
function knownIds({ sandbox }: ReturnType<typeof createSandbox>): string[] {
  sandbox.state.phones.length = 0;
  const phone = Object.assign(addPhone(sandbox), { member: true });
  const { uuid } = createApprovalRequest(sandbox, phone, { message: "Hello" });
  return [String(phone.authyId), phone.id, String(phone.deviceId), uuid];
}

/** Every method and path that the app's routers know. */
function routesOf(middleware: unknown[]): [string, string][] {
  return middleware
    .map((each) => (each as { router?: Router }).router)
    .flatMap((router) => router?.stack ?? [])
    .flatMap(({ methods, path }) =>
      methods.filter((method) => method !== "HEAD").map((method): [string, string] => [method, String(path)]),
    );
}

function statusOf(url: string, { method, path, headers, body }: Malformed, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const onAnswer = (response: IncomingMessage): void => {
      resolve(response.statusCode ?? 0);
      if (response.headers["content-type"]?.startsWith("text/event-stream")) response.destroy();
      else response.resume();
    };
    const framed = { ...headers, "content-length": body.length }; // Node frames no body of a GET by itself
    const sent = request(url, { method, path: path.replace(/[^!-~]/g, "?"), headers: framed, agent }, onAnswer);
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // An answer may come before a body too large was read to its end
      if (error.code === "EPIPE" || error.code === "ECONNRESET") resolve(413);
      else reject(error);
    });
    sent.end(body);
  });
}

const describeRequest = ({ method, path, headers, body }: Malformed): string =>
  JSON.stringify({ method, path, headers, body: body.toString("latin1").slice(0, 300) });
