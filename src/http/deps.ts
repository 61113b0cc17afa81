import type { Deps, RateLimit } from "../domain/deps.js";
import type { HttpSettings } from "./settings.js";
import type { StreamHub } from "./stream-hub.js";
import type { CountedTally } from "./tally.js";
import type { Texts } from "./text.js";
import type { Views } from "./views.js";

/** What routes are given: the rules' own dependencies, and what only pages need. */
export interface HttpDeps extends Deps {
  readonly http: HttpSettings;
  readonly views: Views;
  readonly texts: Texts;
  readonly streams: StreamHub;
  readonly tally: CountedTally;
  readonly rates: {
    readonly loginsOfAddress: RateLimit;
    readonly logins: RateLimit;
    readonly registrationsOfAddress: RateLimit;
    readonly statusOfChallenge: RateLimit;
    readonly textMessages: RateLimit;
    /** Codes of devices that one account types. */
    readonly deviceCodes: RateLimit;
    /** Messages that one client address causes. */
    readonly mailsOfAddress: RateLimit;
  };
  /** Notifies other processes that sessions have ended, so that their streams end too. */
  sessionsEnded(): Promise<void>;
}
