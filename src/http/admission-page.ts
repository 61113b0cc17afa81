import type { Admission } from "../domain/admission.js";
import type { Application } from "../domain/application.js";
import type { Context } from "./context.js";
import { seeOther, show } from "./views.js";

/**
 * Leads somebody who is signed in and not admitted to what is missing, and back.
 *
 * @param next - Our own path to which they come back.
 */
export function leadToAdmission(
  ctx: Context,
  refusal: Exclude<Admission, "yes">,
  { name, level }: Pick<Application, "name" | "level">,
  next: string,
): void {
  const username = ctx.state.subscriber?.username ?? "";
  switch (refusal) {
    case "sign-in":
      seeOther(ctx, `/login?next=${encodeURIComponent(next)}`);
      return;
    case "again":
      seeOther(ctx, `/login/again?next=${encodeURIComponent(next)}`);
      return;
    case "phone":
      show(ctx, "admission-phone", { name, level, next });
      return;
    case "refused":
      show(ctx, "admission-refused", { name, username, next }, 403);
  }
}
