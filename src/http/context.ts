import type Koa from "koa";

import type { Attempt } from "../domain/attempt.js";
import type { Log, LogFields } from "../domain/deps.js";
import type { Language } from "../domain/language.js";
import type { Session } from "../domain/session.js";
import type { Subscriber } from "../domain/subscriber.js";
import type { Text } from "./text.js";
import type { Views } from "./views.js";

/** What the middleware hands on with each request. */
export interface RequestState {
  readonly log: Log;
  readonly requestId: string;
  /** More fields for the request's one line in the log. */
  logged: { readonly fields: LogFields; readonly message: string };
  /** The reader's, and its words. */
  readonly language: Language;
  readonly text: Text;
  readonly views: Views;
  /** Whether browsers reach us by https, whatever a proxy in front speaks with us. */
  readonly isHttps: boolean;
  /** When the request arrived, by the database's clock. */
  readonly arrivedAt: Date;
  /** The living row that the session cookie stands for, of somebody or of nobody, with its key. */
  held: { readonly key: string; readonly id: string; readonly data: string } | null;
  /** Who is signed in; null while nobody is. */
  session: Session | null;
  subscriber: Subscriber | null;
  /** Who is signed in has to move over from Authy before anything else. */
  mustMove: boolean;
  /** Set while the page of a refused form is shown again: where the form went, and what was in it but for secrets. */
  formAgain?: {
    readonly action: string;
    readonly hasNoCookies: boolean;
    readonly typed: Readonly<Record<string, string>>;
    readonly hadSecret: boolean;
  };
  /** This browser's visit: the root of its form tokens, and the place for its one live push. */
  visit: string;
  /** The attempt that this browser holds, behind `loadAttempt`. */
  attempt: Attempt | null;
  /** The page where this browser's request waits; null where there is none to go back to. */
  backTo: string | null;
}

export type Context = Koa.ParameterizedContext<RequestState>;
export type Middleware = Koa.Middleware<RequestState>;

/** What a message to the next page looks like. */
export interface Flash {
  readonly kind: "done" | "note" | "warning";
  readonly text: string;
}
