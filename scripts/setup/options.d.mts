/** @typeParam Options - What the table of the command allows; values that were not given are missing. */
export function readOptions<Options>(command: string, given?: readonly string[]): Partial<Options>;
