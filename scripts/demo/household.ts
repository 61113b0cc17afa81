import { type Part, endedByItself } from "../../test/kit/part.js";
import type { DemoRedis } from "./redis-choice.js";

const GROUP_SIGNAL_MS = 300;

/** Everything that the demo has started, so that all of it ends with the demo and nothing else does. */
export interface Household {
  readonly addRedis: (redis: DemoRedis) => void;
  readonly addPart: (part: Part) => void;
  /** Rejects when a member ends by itself: which one, and why. Never resolves. */
  readonly broken: Promise<never>;
  /** Ends the parts and keeps Redis, to start them once more. */
  readonly stopParts: () => Promise<void>;
  /** Ends all of it. */
  readonly stop: () => Promise<void>;
}

/** @param announce - Told of all process ids after each change, for whoever outlives this process. */
export function openHousehold(announce: (pids: readonly number[]) => void): Household {
  const parts = new Set<Part>();
  let redis: DemoRedis | undefined;
  let isStopping = false;
  let fail: (reason: Error) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });
  broken.catch(() => undefined); // it may break while nobody waits for it

  const tell = (): void => {
    announce([...parts].map(({ pid }) => pid).concat(redis?.pid ?? []));
  };
  const breakUnlessStopping = (reason: string): void => {
    // Ctrl-C reaches the parts at the same time as this process, and they may be faster.
    setTimeout(() => {
      if (!isStopping) fail(new Error(reason));
    }, GROUP_SIGNAL_MS);
  };

  async function stopParts(): Promise<void> {
    const leaving = [...parts];
    parts.clear();
    await Promise.all(leaving.map((part) => part.stop()));
    tell();
  }

  return {
    broken,
    addRedis(added) {
      redis = added;
      tell();
      void added.exited.then(() => {
        breakUnlessStopping("Redis ended by itself: its log is in the data folder");
      });
    },
    addPart(part) {
      parts.add(part);
      tell();
      void part.exited.then((exit) => {
        if (parts.has(part) && part.name !== "migrate") breakUnlessStopping(endedByItself(part.name, exit, part.lines));
        parts.delete(part);
      });
    },
    stopParts,
    async stop() {
      isStopping = true;
      await stopParts();
      await redis?.stop();
    },
  };
}
