/**
 * Whoever starts something, and ends it: a test's context, or `{ after }` of node:test for a whole suite. What was
 * started last is not always ended first, so everything that is started here can be ended in any order.
 */
export interface Owner {
  after(end: () => void | Promise<void>): void;
}
