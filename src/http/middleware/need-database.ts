import { DatabaseAway } from "../../domain/errors.js";
import type { Middleware } from "../context.js";

/** Refuses with 503 what needs the database, as long as it was never opened: the process listens from its first moment. */
export function needDatabase(state: { isOpen(): boolean }): Middleware {
  return async function refuseUntilOpen(_ctx, next) {
    if (!state.isOpen()) throw new DatabaseAway("the database is not open yet");
    await next();
  };
}
