import type { Logger } from "pino";
import type { Deliveries } from "./deliveries.js";
import type { Faults } from "./faults.js";
import type { Mailbox } from "./mailbox.js";
import type { SandboxSettings } from "./settings.js";
import type { State } from "./state.js";

/** What every part of the sandbox works with. */
export interface Sandbox {
  readonly settings: SandboxSettings;
  readonly state: State;
  readonly log: Logger;
  readonly deliveries: Deliveries;
  /** Null where it takes no messages. */
  readonly mailbox: Mailbox | null;
  /** Replaced as a whole by PUT /faults. */
  faults: Faults;
  /** The sandbox's clock in milliseconds since 1970, skew included. */
  now(): number;
  /** To be called after every change of the state: it is saved and sent to open pages. */
  changed(): void;
}
