import type Router from "@koa/router";
import { readJson } from "../body.js";
import { Faults, noFaults } from "../faults.js";
import { PhoneProblem } from "../phone.js";
import type { Sandbox } from "../sandbox.js";

/** What a developer does with the sandbox: make it misbehave, and look at what it sent. */
export function controlRoutes(sandbox: Sandbox, router: Router): void {
  router.get("/faults", function showFaults(ctx) {
    ctx.body = sandbox.faults;
  });

  router.put("/faults", async function setFaults(ctx) {
    const given = Faults.safeParse(await readJson(ctx));
    if (!given.success) {
      const problems = given.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
      throw new PhoneProblem(400, "malformed", problems.join("; "));
    }
    ctx.body = sandbox.faults = given.data;
    sandbox.changed();
  });

  router.delete("/faults", function clearFaults(ctx) {
    ctx.body = sandbox.faults = noFaults();
    sandbox.changed();
  });

  router.get("/deliveries", function listDeliveries(ctx) {
    ctx.body = { deliveries: sandbox.deliveries.list() };
  });

  router.get("/deliveries/:id", function showDelivery(ctx) {
    const delivery = sandbox.deliveries.list().find(({ id }) => id === ctx.params["id"]);
    if (!delivery) throw new PhoneProblem(404, "unknown_delivery", "There is no such delivery in the log.");
    ctx.body = delivery;
  });

  router.delete("/deliveries", function clearDeliveries(ctx) {
    sandbox.deliveries.clear();
    ctx.status = 204;
  });

  router.post("/deliveries/:id/replay", async function replay(ctx) {
    await readJson(ctx);
    const { id = "" } = ctx.params;
    const again = sandbox.deliveries.replay(id);
    if (!again) throw new PhoneProblem(404, "unknown_delivery", "There is no such delivery in the log.");
    ctx.body = { id: again.id };
  });
}
