/**
 * Tells a collector of traces where the time of an attempt went: one attempt is one trace, in whichever process its parts ran.
 * Never throws, and nothing waits for it.
 */
export interface Traces {
  /**
   * Something that is over.
   *
   * @param from - When it began, by `performance.now()`.
   * @param result - How it went: one of a few words, or a status.
   * @param isBegin - Whether it is what began the attempt: all others stand under it.
   */
  span(attemptId: string, name: string, from: number, result?: string, isBegin?: boolean): void;
}
