import type Router from "@koa/router";
import { z } from "zod";
import { answerRequest } from "../answer.js";
import { readJson } from "../body.js";
import { currentCode } from "../code.js";
import { addPhone, PhoneProblem } from "../phone.js";
import type { PhoneFeed } from "../phone-feed.js";
import { phoneState, showRequest } from "../phone-state.js";
import { scan } from "../registration.js";
import type { Sandbox } from "../sandbox.js";
import type { Phone } from "../state.js";

const name = z.string().trim().min(1).max(60);
const Scan = z.object({ url: z.string().min(1).max(8_192), phone: name.optional() });
const Answer = z.object({ action: z.enum(["approve", "deny"]) });
const NewPhone = z.object({ name: name.optional() });
const Change = z.object({ name: name.optional(), installed: z.boolean().optional() });

/** What a person does with the phone, for the page and for tests alike. */
export function phoneRoutes(sandbox: Sandbox, router: Router, feed: PhoneFeed): void {
  router.post("/phone/scan", async function scanCode(ctx) {
    const { url, phone: phoneName } = parse(Scan, await readJson(ctx));
    const { phone, appName } = scan(sandbox, url, phoneName ?? null);
    ctx.body = { authy_id: phone.authyId, phone: { id: phone.id, name: phone.name }, account: appName };
  });

  router.get("/phone/requests", function listRequests(ctx) {
    const now = sandbox.now();
    ctx.body = { requests: sandbox.state.requests.toReversed().map((request) => showRequest(request, now)) };
  });

  router.post("/phone/requests/:uuid", async function answer(ctx) {
    const { action } = parse(Answer, await readJson(ctx));
    const { uuid = "" } = ctx.params;
    ctx.body = { uuid, status: answerRequest(sandbox, uuid, action) };
  });

  router.get("/phone/code/:authyId", function showCode(ctx) {
    const { authyId } = ctx.params;
    const phone = sandbox.state.phones.find(
      (phone) => phone.member && phone.installed && String(phone.authyId) === authyId,
    );
    if (!phone) throw new PhoneProblem(404, "unknown_account", "No phone shows a code for this authy_id.");
    ctx.body = { code: currentCode(sandbox, phone).code };
  });

  router.get("/phone/messages", function listMessages(ctx) {
    ctx.body = {
      messages: sandbox.state.messages.toReversed().map(({ authyId, channel, text, code, createdAt }) => ({
        authy_id: authyId,
        channel,
        text,
        code,
        created_at: new Date(createdAt).toISOString(),
      })),
    };
  });

  router.get("/mailbox", function listMails(ctx) {
    ctx.body = { mails: sandbox.mailbox?.list() ?? [] };
  });

  router.post("/phone/phones", async function makePhone(ctx) {
    const given = parse(NewPhone, await readJson(ctx));
    const phone = addPhone(sandbox, given.name === undefined ? {} : { name: given.name });
    sandbox.changed();
    ctx.body = { id: phone.id, name: phone.name, authy_id: phone.authyId };
  });

  router.put("/phone/phones/:id", async function changePhone(ctx) {
    const phone = phoneById(sandbox, ctx.params["id"]);
    const { name, installed } = parse(Change, await readJson(ctx));
    if (name !== undefined) phone.name = name;
    if (installed !== undefined) phone.installed = installed;
    sandbox.changed();
    ctx.body = { id: phone.id, name: phone.name, authy_id: phone.authyId, installed: phone.installed };
  });

  router.delete("/phone/phones/:id", function throwAway(ctx) {
    const phone = phoneById(sandbox, ctx.params["id"]);
    const { state } = sandbox;
    state.phones = state.phones.filter((other) => other !== phone);
    state.requests = state.requests.filter((request) => request.authyId !== phone.authyId);
    state.messages = state.messages.filter((message) => message.authyId !== phone.authyId);
    sandbox.changed();
    ctx.status = 204;
  });

  router.get("/phone/state", function showState(ctx) {
    ctx.body = { now: new Date(sandbox.now()).toISOString(), state: phoneState(sandbox) };
  });

  router.get("/phone/events", function watch(ctx) {
    feed.open(ctx);
  });
}

function phoneById(sandbox: Sandbox, id: string | undefined): Phone {
  const phone = sandbox.state.phones.find((phone) => phone.id === id);
  if (!phone) throw new PhoneProblem(404, "unknown_phone", "There is no such phone.");
  return phone;
}

/** @throws PhoneProblem 400 that names the field */
function parse<T>(schema: z.ZodType<T>, content: unknown): T {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new PhoneProblem(400, "malformed", `${issue?.path.join(".") || "The body"}: ${issue?.message ?? "is wrong"}`);
}
