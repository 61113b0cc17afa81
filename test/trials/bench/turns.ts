import type { Product, Server } from "./servers.js";

/** One figure of both sides, each the median of its turns. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly bare: number;
  readonly product: number;
  /** Median of the ratios (or differences) round by round, product to bare of the same moment, and the extremes. */
  readonly ratio: number;
  readonly least: number;
  readonly most: number;
  readonly must: Bound;
}

/** What the ratio must be: at most, or at least; or by how much more, in the figure's own unit, the product may take. */
export type Bound = { readonly atMost: number } | { readonly atLeast: number } | { readonly atMostMore: number };

/** A figure before it was measured. */
export interface Measure {
  readonly unit: string;
  readonly must: Bound;
}

/** What is measured of one side in one turn, by the name of the figure. */
export type Measured = Readonly<Record<string, number>>;

/** Both sides, up at the same time. */
export interface Sides {
  readonly bare: Server;
  readonly product: Product;
}

/**
 * Measures both sides in turn, so that a machine that slows down slows both. The first pair warms up and does not count.
 *
 * @param figures - What a turn measures, by name.
 */
export async function inTurns(
  sides: { readonly bare: Server; readonly product: Server },
  figures: Readonly<Record<string, Measure>>,
  rounds: number,
  measure: (server: Server) => Promise<Measured>,
): Promise<Figure[]> {
  const pairs: { bare: Measured; product: Measured }[] = [];
  for (let round = -1; round < rounds; round += 1) {
    // Who comes second finds the machine warmer, or busier: so each comes first every other time.
    const order = round % 2 === 0 ? (["bare", "product"] as const) : (["product", "bare"] as const);
    const pair: { bare: Measured; product: Measured } = { bare: {}, product: {} };
    for (const side of order) pair[side] = await measure(sides[side]);
    if (round >= 0) pairs.push(pair);
  }
  return Object.entries(figures).map(([name, { unit, must }]) => {
    const of = (measured: Measured): number => measured[name] ?? NaN;
    const ratios = pairs.map(({ bare, product }) =>
      "atMostMore" in must ? of(product) - of(bare) : of(product) / of(bare),
    );
    return {
      name,
      ...{ unit, must },
      bare: median(pairs.map(({ bare }) => of(bare))),
      product: median(pairs.map(({ product }) => of(product))),
      ratio: median(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios),
    };
  });
}

/** The middle of some figures. */
export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5);
}

/** @param share - 0.5 for the median, 0.99 for what all but one in a hundred stay under. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return below + (above - below) * (at - Math.floor(at));
}
