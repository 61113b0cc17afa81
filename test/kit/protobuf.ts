/** A field of a protobuf message, by its number. Numbers are varints; `fixed64` are eight bytes. */
export type Field = readonly [number: number, value: string | Buffer | number | bigint | { readonly fixed64: bigint }];

/** Writes a message: texts, bytes and numbers, in the order given. */
export function message(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number" || typeof value === "bigint")
        return Buffer.concat([varint(number << 3), varint(value)]);
      if (typeof value === "object" && "fixed64" in value) {
        const eight = Buffer.alloc(8);
        eight.writeBigUInt64LE(value.fixed64);
        return Buffer.concat([varint((number << 3) | 1), eight]);
      }
      const bytes = Buffer.from(value as Buffer);
      return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
    }),
  );
}

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** Reads a varint. @returns null when it has not arrived as a whole. */
export function readVarint(bytes: Buffer, from: number): { readonly value: number; readonly next: number } | null {
  let value = 0;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * 2 ** (7 * (at - from));
    if (byte < 128) return { value, next: at + 1 };
  }
  return null;
}
