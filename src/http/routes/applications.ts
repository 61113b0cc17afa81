import Router from "@koa/router";

import type { RequestState } from "../context.js";
import type { HttpDeps } from "../deps.js";
import { flash } from "../middleware/carry-messages.js";
import { queryText } from "../query-text.js";
import { requireSignIn, signedInOf } from "../require-sign-in.js";
import { seeOther, show } from "../views.js";

/** Where an account is signed in besides here, and the way out of one of them or of all. */
export function applications(deps: HttpDeps): Router<RequestState> {
  const router = new Router<RequestState>();
  router.use(["/sign-out", "/account/applications", "/account/applications/{*rest}"], requireSignIn());

  router.get("/account/applications", async function showApplications(ctx) {
    const { subscriber } = signedInOf(ctx);
    const [sites, clients] = await Promise.all([
      deps.gate.listOfSubscriber(subscriber.id, deps.now()),
      deps.oidcRecords.listOfSubscriber(subscriber.id, deps.now()),
    ]);
    const held = [...sites, ...clients.map(({ clientId, createdAt }) => ({ applicationId: clientId, createdAt }))];
    const rows = await Promise.all(
      held.map(async ({ applicationId: id, createdAt }) => {
        const application = await deps.applications.find(id);
        return application && { id, name: application.name, since: createdAt.toISOString() };
      }),
    );
    show(ctx, "applications", { applications: rows.filter((row) => row !== null) });
  });

  router.get("/account/applications/:id/end", function leadBack(ctx) {
    seeOther(ctx, "/account/applications");
  });

  router.post("/account/applications/:id/end", async function leaveApplication(ctx) {
    const { subscriber } = signedInOf(ctx);
    const id = String(ctx.params["id"]);
    const atSite = await deps.gate.endOfSubscriber(subscriber.id, id);
    if (atSite + (await deps.oidcRecords.endOfSubscriber(subscriber.id, id)) > 0)
      flash(ctx, "done", ctx.state.text("flash.session-ended"));
    seeOther(ctx, "/account/applications");
  });

  // Nobody is signed out by an address alone: another site could have led here.
  router.get("/sign-out", async function askWhere(ctx) {
    const found = await deps.gate.findSite(queryText(ctx, "site"));
    show(ctx, "sign-out", { application: found && { id: found.application.id, name: found.application.name } });
  });
  return router;
}
