import type { Approval, Server } from "./servers.js";
import { openStream, openWire, type Waiting, type Wire } from "./wire.js";

const OPENED_AT_ONCE = 32;

/** Opens the event streams of all, in their order. */
export async function openAll({ port }: Server, approvals: readonly Approval[]): Promise<Waiting[]> {
  const waiting: Waiting[] = [];
  const left = approvals.entries();
  const open = async (): Promise<void> => {
    for (const [at, { stream }] of left) waiting[at] = await openStream(port, stream);
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, open));
  return waiting;
}

/** Sends callbacks over connections that are kept, as many as are needed at once. */
export function senders({ port }: Server): { one(callback: Buffer): Promise<void>; close(): void } {
  const all: Wire[] = [];
  const idle: Wire[] = [];
  return {
    async one(callback) {
      let wire = idle.pop();
      if (wire === undefined) all.push((wire = openWire(port)));
      const { status, text } = await wire.exchange(callback);
      if (status !== 200) throw new Error(`a callback was answered with ${text.slice(0, 300)}`);
      idle.push(wire);
    },
    close() {
      for (const wire of all) wire.close();
    },
  };
}
