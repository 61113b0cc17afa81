import { randomBytes, randomUUID } from "node:crypto";
import type { Context } from "koa";
import { z } from "zod";
import type { Api, Call } from "../api.js";
import { AuthyError } from "../authy-error.js";
import { textParam } from "../body.js";
import type { Params } from "../bracketed-form.js";
import type { Sandbox } from "../sandbox.js";
import { sameSignature, signature } from "../signature.js";
import type { Webhook } from "../state.js";
import { EVENTS } from "../webhook.js";
import { DEFAULT_APP_ID } from "./application.js";

const PATH = "/dashboard/json/application/webhooks";
const MAX_WEBHOOKS = 100;

const NewWebhook = z.object({
  url: z
    .string()
    .max(2_000)
    .regex(/^https?:\/\/\S+$/),
  name: z.string().min(1).max(200),
  events: z.array(z.enum(EVENTS)).min(1),
});

/** Webhooks of the application: made, listed, deleted. @see https://www.twilio.com/docs/authy/api/webhooks */
export function dashboardWebhookRoutes(sandbox: Sandbox, api: Api): void {
  const signed = (call: Call): Call =>
    function signedCall(params, path, ctx) {
      checkSignature(sandbox, params, ctx);
      return call(params, path, ctx);
    };

  api.guarded(
    "webhooks-create",
    "post",
    PATH,
    signed((params) => {
      const events = typeof params["events"] === "string" ? [params["events"]] : params["events"];
      const given = NewWebhook.safeParse({ ...params, events });
      if (!given.success || sandbox.state.webhooks.length >= MAX_WEBHOOKS) {
        const field = given.error?.issues[0]?.path[0];
        throw new AuthyError(
          400,
          60098,
          "Webhook could not be created",
          field === undefined ? {} : { [String(field)]: "is invalid" },
        );
      }
      const webhook: Webhook = {
        id: `WH_${randomUUID()}`,
        ...given.data,
        signingKey: `WSK_${randomBytes(16).toString("hex")}`,
        createdAt: sandbox.now(),
      };
      sandbox.state.webhooks.push(webhook);
      sandbox.changed();
      return { webhook: describe(sandbox, webhook), message: "Webhook created", success: true };
    }),
  );

  api.guarded(
    "webhooks-list",
    "get",
    PATH,
    signed(() => {
      return { webhooks: sandbox.state.webhooks.map((webhook) => describe(sandbox, webhook)), success: true };
    }),
  );

  api.guarded(
    "webhooks-delete",
    "delete",
    `${PATH}/:id`,
    signed((_params, { id }) => {
      const left = sandbox.state.webhooks.filter((webhook) => webhook.id !== id);
      if (left.length === sandbox.state.webhooks.length)
        throw new AuthyError(404, 60100, "Webhook could not be deleted");
      sandbox.state.webhooks = left;
      sandbox.changed();
      return { message: "Webhook deleted", success: true };
    }),
  );
}

/** Three keys of the dashboard: two are sent, the third signs `nonce|METHOD|url|params`. */
function checkSignature({ settings }: Sandbox, params: Params, ctx: Context): void {
  const keys = settings.dashboard;
  if (keys === null) throw new AuthyError(400, 60074, "Permission denied: the dashboard API is not switched on");
  if (textParam(params, "app_api_key") !== keys.appApiKey) throw new AuthyError(400, 60073, "App API key is invalid");
  if (textParam(params, "access_key") !== keys.accessKey) throw new AuthyError(400, 60072, "Access key is invalid");
  const nonce = ctx.get("x-authy-signature-nonce");
  const presented = ctx.get("x-authy-signature");
  const fits = [
    `https://api.authy.com${ctx.path}`,
    `http://${ctx.get("host")}${ctx.path}`,
    `https://${ctx.get("host")}${ctx.path}`,
  ]
    .flatMap((url) =>
      [params, withSortedEvents(params)].map((signed) => signature(keys.signingKey, nonce, ctx.method, url, signed)),
    )
    .some((expected) => sameSignature(presented, expected));
  if (nonce === "" || !fits) throw new AuthyError(400, 60087, "Request signature is invalid");
}

/** Some clients sort the whole query text, others keep the order of a list; which one the service wants is not known. */
function withSortedEvents(params: Params): Params {
  const { events } = params;
  return Array.isArray(events) ? { ...params, events: [...events].sort() } : params;
}

function describe(sandbox: Sandbox, webhook: Webhook): object {
  return {
    id: webhook.id,
    name: webhook.name,
    account_sid: `AC${"0".repeat(32)}`,
    service_id: String(sandbox.settings.appId ?? DEFAULT_APP_ID),
    url: webhook.url,
    signing_key: webhook.signingKey,
    events: webhook.events,
    creation_date: new Date(webhook.createdAt).toISOString(),
  };
}
