import { type AuditKind } from "../domain/audit.js";
import { type Deps } from "../domain/deps.js";
import { type Context } from "./context.js";
import { originOf } from "./origin.js";

/** Writes one line of an account's history, with where the request comes from. */
export async function recordEvent(
  ctx: Context,
  { audit, now }: Pick<Deps, "audit" | "now">,
  subscriberId: string,
  kind: AuditKind,
  detail = "",
): Promise<void> {
  await audit.record({ subscriberId, kind, at: now(), ...originOf(ctx), detail });
}
