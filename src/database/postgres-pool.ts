import pg from "pg";

import { databaseAway } from "./errors.js";
import { boundClient } from "./postgres-client.js";

/** How long a request waits for one of the connections. */
const WAIT_MS = 4000;
const PAUSE_MS = 50;
/** After so long it is tried whether there is room for more connections again. */
const REGROW_MS = 2000;

type Answer = (error: Error | undefined, client: pg.PoolClient | undefined, release: (error?: unknown) => void) => void;

export interface PoolOptions extends pg.PoolConfig {
  /** How long a new connection may take to come about. */
  readonly connectionTimeoutMillis: number;
  /** True where a statement may take as long as it likes. */
  readonly isPatient?: boolean;
}

/**
 * A pool that does with fewer connections where no more can be had (a role's limit, other processes, a server that is too
 * busy): whoever gets no new one waits for one of those that are open.
 */
export class SharingPool extends pg.Pool {
  readonly #size = this.options.max;
  /** Those that may be given out: all that are open, but none that was opened before the server turned read-only. */
  readonly #good = new Set<pg.PoolClient>();
  #open = 0;
  #regrowing: NodeJS.Timeout | undefined;

  constructor({ isPatient = false, connectionTimeoutMillis, ...options }: PoolOptions) {
    // The pool has one limit for both waits: for a connection that is free, and for a new one.
    class ImpatientClient extends pg.Client {
      constructor() {
        super({ ...options, connectionTimeoutMillis });
      }
    }
    super({ ...options, connectionTimeoutMillis: WAIT_MS, Client: ImpatientClient });
    this.on("connect", (client) => {
      this.#open += 1;
      this.#good.add(client);
      // A primary that became a replica in place keeps its connections: new ones may lead to the new primary.
      if (!isPatient) boundClient(client, () => this.#good.clear());
    });
    this.on("remove", (client) => {
      this.#open -= 1;
      this.#good.delete(client);
    });
    const connect = this.connect.bind(this) as (answer: Answer) => void;
    Object.assign(this, {
      connect(this: SharingPool, answer: Answer) {
        const until = performance.now() + WAIT_MS;
        const ask = (): void => {
          connect((error, client, release) => {
            if (client !== undefined && !this.#good.has(client)) {
              release(true);
              ask();
            } else if (error !== undefined && performance.now() < until && this.#mayShare(error)) {
              this.#takeNoMore();
              setTimeout(ask, PAUSE_MS);
              // Whatever stands in the way of a connection, nothing is wrong with what was to be asked.
            } else answer(error && databaseAway(error), client, release);
          });
        };
        ask();
      },
    });
  }

  /** Whether one that could not be opened may be made up for by one that is open, now or soon. */
  #mayShare(error: Error): boolean {
    const hasWaited = error.message.startsWith("timeout exceeded");
    return !this.ending && !hasWaited && (this.#open > 0 || isForWantOfRoom(error));
  }

  #takeNoMore(): void {
    this.options.max = Math.max(1, this.#open);
    this.#regrowing ??= setTimeout(() => {
      this.#regrowing = undefined;
      this.options.max = this.#size;
    }, REGROW_MS).unref();
  }
}

/** PostgreSQL has a code for it; poolers, PgBouncer and Supavisor among them, have only words. */
function isForWantOfRoom(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return code === "53300" || /no more connections allowed|max client connections/i.test(error.message);
}
