/**
 * Whoever starts something, and ends it: a test's context, or `{ after }` of node:test for a whole suite. What was
 * started last is not always ended first, so everything that is started here can be ended in any order.
 */
export interface Owner {
  after(end: () => void | Promise<void>): void;
}

/** An owner outside of tests. `end` ends what was started, the newest first, each of them even when one before has failed. */
export function newOwner(): Owner & { end(): Promise<void> } {
  const ends: (() => void | Promise<void>)[] = [];
  return {
    after(end) {
      ends.push(end);
    },
    async end() {
      const failures: unknown[] = [];
      for (let end = ends.pop(); end !== undefined; end = ends.pop())
        try {
          await end();
        } catch (error) {
          failures.push(error);
        }
      if (failures.length > 0) throw new AggregateError(failures, "not everything could be ended");
    },
  };
}
