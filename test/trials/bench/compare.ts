/** One side of a benchmark: does its work `count` times. */
export type Side = (count: number) => Promise<void> | void;

/** What a benchmark measured, in microseconds for each piece of work. */
export interface Comparison {
  readonly name: string;
  readonly what: string;
  readonly baseline: string;
  readonly oursUs: number;
  readonly bareUs: number;
  /** Median of the ratios round by round: ours against the bare baseline of the same moment. */
  readonly ratio: number;
}

/**
 * Runs both sides in turn, so that a machine that slows down slows both, and takes medians.
 *
 * @param rounds - Pairs that count; one more is run first to warm up.
 * @param count - Pieces of work for each side and round.
 */
export async function compare(
  named: Pick<Comparison, "name" | "what" | "baseline">,
  sides: { readonly ours: Side; readonly bare: Side },
  { rounds, count }: { readonly rounds: number; readonly count: number },
): Promise<Comparison> {
  const pairs: { ours: number; bare: number }[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const pair = { bare: await microseconds(sides.bare, count), ours: await microseconds(sides.ours, count) };
    if (round >= 0) pairs.push(pair);
  }
  return {
    ...named,
    oursUs: median(pairs.map(({ ours }) => ours)),
    bareUs: median(pairs.map(({ bare }) => bare)),
    ratio: median(pairs.map(({ ours, bare }) => ours / bare)),
  };
}

async function microseconds(side: Side, count: number): Promise<number> {
  const startedAt = performance.now();
  await side(count);
  return ((performance.now() - startedAt) * 1000) / count;
}

/** The middle of some figures. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
