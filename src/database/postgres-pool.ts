import pg from "pg";

import { boundClient } from "./postgres-client.js";

/** How long a request that was refused a connection goes on asking for one. */
const ASK_MS = 1000;
const PAUSE_MS = 50;
/** After so long it is tried whether there is room for more connections again. */
const REGROW_MS = 5000;

type Answer = (error: Error | undefined, client: pg.PoolClient | undefined, release: (error?: unknown) => void) => void;

export interface PoolOptions extends pg.PoolConfig {
  /** True where a statement may take as long as it likes. */
  readonly isPatient?: boolean;
}

/**
 * A pool that does with fewer connections where the server has no more to give (a role's limit, other processes): whoever
 * is refused a new one waits for one of those that are there.
 */
export class SharingPool extends pg.Pool {
  readonly #size = this.options.max;
  /** Those that may be given out: all that are open, but none that was opened before the server turned read-only. */
  readonly #good = new Set<pg.PoolClient>();
  #open = 0;
  #regrowing: NodeJS.Timeout | undefined;

  constructor({ isPatient = false, ...options }: PoolOptions) {
    super(options);
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
        const until = performance.now() + ASK_MS;
        const ask = (): void => {
          connect((error, client, release) => {
            if (client !== undefined && !this.#good.has(client)) {
              release(true);
              ask();
            } else if (error !== undefined && isForWantOfRoom(error) && performance.now() < until) {
              this.#takeNoMore();
              setTimeout(ask, PAUSE_MS);
            } else answer(error, client, release);
          });
        };
        ask();
      },
    });
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
