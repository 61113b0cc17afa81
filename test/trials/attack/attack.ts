/** What became of an attack. */
export interface Outcome {
  /** What was seen, in words. */
  readonly seen: string;
  /** What must be seen. */
  readonly allowed: string;
  readonly isKept: boolean;
}

/** One way to attack the running program, in full or in a short form. */
export interface Attack {
  readonly name: string;
  /** What is tried, so many times. */
  readonly what: string;
  readonly full: number;
  readonly short: number;
  run(count: number, progress: Progress): Promise<Outcome>;
}

/** Told how many of them are done. */
export type Progress = (done: number) => void;

/** Does `count` pieces of work, so many at a time. */
export async function inParallel(
  count: number,
  width: number,
  work: (at: number) => Promise<void>,
  progress: Progress = () => undefined,
): Promise<void> {
  let [next, done] = [0, 0];
  const lane = async (): Promise<void> => {
    while (next < count) {
      const at = next;
      next += 1;
      await work(at);
      done += 1;
      if (done % 250 === 0) progress(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
  progress(count);
}
