import type Router from "@koa/router";

import type { LogoutRequest, ReadLogout } from "../domain/logout-request.js";
import type { Session } from "../domain/session.js";
import type { RequestState } from "./context.js";

/** The OpenID Connect provider, as pages know it. */
export interface OpenId {
  /** Discovery, and what clients ask: no cookie is read or set. */
  readonly machines: Router<RequestState>;
  /** Where browsers bring a client's request. */
  readonly browsers: Router<RequestState>;
  /** Where a request goes on once its person agreed, or not; null when it is not of this browser. */
  wayOn(search: string, state: RequestState, hasAgreed: boolean): string | null;
  /** @returns null for a request that contradicts itself, or leads to an address that is not the client's. */
  readLogout(request: LogoutRequest, session: Session | null): Promise<ReadLogout | null>;
}
