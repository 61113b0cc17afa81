import type { Deps } from "../../domain/deps.js";
import { isInspection } from "../../domain/inspection.js";
import type { Middleware } from "../context.js";
import type { HttpSettings } from "../settings.js";

/**
 * Tells `admin doctor`, and nobody else, how its request arrived: how many proxies have written into `X-Forwarded-For`, how
 * many are trusted here, and by which protocol the outermost one was asked.
 */
export function tellDoctor(
  { now }: Pick<Deps, "now">,
  { sessionKeys, trustedProxies }: Pick<HttpSettings, "sessionKeys" | "trustedProxies">,
): Middleware {
  return async function answerDoctor(ctx, next) {
    const token = ctx.get("Countersign-Doctor");
    if (token !== "" && isInspection(token, sessionKeys, now())) {
      const forwarded = ctx
        .get("X-Forwarded-For")
        .split(",")
        .filter((address) => address.trim() !== "");
      const protocol = /^\s*(https?)\b/i.exec(ctx.get("X-Forwarded-Proto"))?.[1]?.toLowerCase() ?? "none";
      ctx.set("Countersign-Seen", `forwarded=${forwarded.length}; trusted=${trustedProxies}; protocol=${protocol}`);
    }
    await next();
  };
}
