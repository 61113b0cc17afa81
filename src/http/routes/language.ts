import Router from "@koa/router";

import { safeNext } from "../../domain/next-path.js";
import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { fields, MalformedForm } from "../middleware/form.js";
import { giveLanguage } from "../middleware/language.js";
import { typedBefore } from "../middleware/show-form-again.js";
import { seeOther } from "../views.js";

/** The choice in the foot of every page. */
export function language({ texts, subscribers }: Pick<HttpDeps, "texts" | "subscribers">): Router<RequestState> {
  const router = new Router<RequestState>();

  router.get("/language", function leadBack(ctx) {
    seeOther(ctx, safeNext(typedBefore(ctx, "next"), "/"));
  });

  router.post("/language", async function choose(ctx) {
    const given = fields(ctx, ["language"], ["next"]);
    const chosen = texts.languages.find((each) => each === given.language);
    if (chosen === undefined) throw new MalformedForm({ language: "unknown-value" });
    giveLanguage(ctx, chosen);
    if (ctx.state.subscriber !== null) await subscribers.chooseLanguage(ctx.state.subscriber.id, chosen);
    seeOther(ctx, safeNext(given.next, "/"));
  });
  return router;
}
