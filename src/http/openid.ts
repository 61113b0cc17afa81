import type Router from "@koa/router";

import type { Admission } from "../domain/admission.js";
import type { Application } from "../domain/application.js";
import type { LogoutRequest, ReadLogout } from "../domain/logout-request.js";
import type { Session } from "../domain/session.js";
import type { Subscriber } from "../domain/subscriber.js";
import type { RequestState } from "./context.js";

interface SignedIn {
  readonly session: Session;
  readonly subscriber: Subscriber;
}

/** A device that waits for somebody to let it in. */
export interface WaitingDevice {
  readonly id: string;
  /** As the device shows it. */
  readonly userCode: string;
  readonly application: Pick<Application, "name" | "level">;
  /** From where it asked. */
  readonly address: string;
  readonly browserLabel: string;
  readonly askedAt: Date;
  /** Whether whoever looks at it may let it in. */
  readonly admission: Admission;
}

/** The OpenID Connect provider, as pages know it. */
export interface OpenId {
  /** Discovery, and what clients ask: no cookie is read or set. */
  readonly machines: Router<RequestState>;
  /** Where browsers bring a client's request. */
  readonly browsers: Router<RequestState>;
  /** Where a request goes on once its person agreed, or not; null when it is not of this browser. */
  wayOn(search: string, state: RequestState, hasAgreed: boolean): string | null;
  /** @returns null where no device waits with the code that somebody typed. */
  findDevice(typed: string, owner: SignedIn): Promise<WaitingDevice | null>;
  /** @returns false when the device may not be let in, or was answered before. */
  acceptDevice(id: string, approved: SignedIn): Promise<boolean>;
  /** @returns false when the device was answered before. */
  denyDevice(id: string): Promise<boolean>;
  /** @returns null for a request that contradicts itself, or leads to an address that is not the client's. */
  readLogout(request: LogoutRequest, session: Session | null): Promise<ReadLogout | null>;
}
