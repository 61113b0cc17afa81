import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import Koa from "koa";
import { z } from "zod";

import { authyCallbacks } from "../../src/providers/authy/callbacks.js";
import type { Json } from "../../src/providers/authy/callback-signature.js";
import { whyRefused } from "../../src/providers/authy/why-refused.js";
import { CannotBeDone, type Command } from "./command.js";

/** Under which the history has callbacks that operators sent again. */
export const CALLBACKS = "callbacks";

const SIGNED = ["x-authy-signature", "x-authy-signature-nonce", "content-type"];

/** A callback as somebody in front recorded it. */
const recorded = z.object({
  method: z.string().regex(/^[A-Z]{3,7}$/, "method: must be as in POST"),
  url: z.string().refine((value) => URL.canParse(value), "url: must be the whole address"),
  headers: z.record(
    z.string(),
    z.union([
      z.string(),
      z
        .array(z.string())
        .length(1)
        .transform(([one]) => one ?? ""),
    ]),
  ),
  /** The text of the body, or the object in it. */
  body: z.union([z.string(), z.record(z.string(), z.unknown()).transform((body) => JSON.stringify(body))]),
});

type Recorded = z.infer<typeof recorded>;

function read(file: string): Recorded {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
  } catch (error) {
    throw new CannotBeDone(`${file} cannot be read as JSON: ${(error as Error).message}`);
  }
  const parsed = recorded.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CannotBeDone(`${file} is no recorded callback: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

/** Callbacks of Authy. */
export const CALLBACK_COMMANDS: Readonly<Record<string, Command>> = {
  "callback replay": {
    words: 1,
    run: async ({ deps }, { authy }, [file = ""]) => {
      if (authy === null) throw new CannotBeDone("Nobody signs in with Authy here: FACTORS does not name it.");
      const { method, url, headers, body } = read(file);
      const known = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
      const sent = Object.fromEntries(known.filter(([name]) => SIGNED.includes(name)));
      // The very routes that web processes have, in this process.
      const routes = authyCallbacks(deps, authy);
      const app = new Koa();
      app.use((ctx, next) => {
        Object.assign(ctx.state, { logged: { fields: {}, message: "" } });
        return next();
      });
      app.use(routes.routes());
      const server = app.listen(0, "127.0.0.1");
      try {
        await once(server, "listening");
        const { port } = server.address() as AddressInfo;
        const isEvent = new URL(url).pathname === new URL(authy.webhookUrl).pathname;
        const place = `http://127.0.0.1:${port}/webhooks/authy/${isEvent ? "events" : "onetouch"}`;
        const answer = await fetch(place, { method, headers: sent, ...(method === "GET" ? {} : { body }) });
        const { message: word } = (await answer.json()) as { message: string };
        await deps.audit.recordOfApplication(CALLBACKS, "callback-replayed", deps.now(), word);
        const signed = {
          nonce: sent["x-authy-signature-nonce"] ?? "",
          method: "POST",
          url: authy.callbackUrl,
        } as const;
        const why =
          word === "signature does not match"
            ? whyRefused(
                { ...signed, params: JSON.parse(body) as Record<string, Json> },
                sent["x-authy-signature"] ?? "",
                { keys: authy.callbackKeys, recordedUrl: url },
              )
            : "";
        return { rows: [{ method, url, status: answer.status, word, why }], hasFailed: !answer.ok };
      } finally {
        server.close();
        server.closeAllConnections();
      }
    },
  },
};
