import { availableParallelism } from "node:os";
import { hash, verify } from "@node-rs/argon2";
import { dictionary } from "@zxcvbn-ts/language-common";

import type { Passwords } from "../domain/deps.js";
import { Busy } from "../domain/errors.js";
import { type ForeignHash, foreignHash } from "./foreign-hash.js";

interface Strength {
  readonly memoryCost: number;
  readonly timeCost: number;
  readonly parallelism: number;
}

/** OWASP's and RFC 9106's floor for argon2id: 19 MiB, 2 passes. */
const FULL: Strength = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const FOR_TESTS: Strength = { memoryCost: 64, timeCost: 1, parallelism: 1 };

/** Refusals take longer than the slowest hash of another system that this process has judged, up to this. */
const FLOOR_MARGIN = 1.25;
const MOST_FLOOR_MS = 4000;
/** The beginning of a hash: its kind and its cost. */
const KIND = /^\$2.\$\d\d\$|^\$[^$]+\$(?:v=\d+\$)?[^$]+\$/;

/**
 * argon2id (what the library does unless told otherwise), at most one hash for each core at once: the thread pool is shared
 * with the database driver and DNS. Known browsers do not queue behind unknown ones: a flood of guesses keeps no owner out.
 *
 * @param queueLimit - How many of each kind may wait for their turn; the next one gets Busy.
 */
export function passwords(isTestStrength: boolean, queueLimit: number): Passwords {
  const strength = isTestStrength ? FOR_TESTS : FULL;
  const common = new Map(
    (dictionary["passwords-common"] as readonly string[]).map((password, rank) => [password, rank]),
  );
  const places = Math.max(1, availableParallelism());
  const unknown: (() => void)[] = [];
  const owners: (() => void)[] = [];
  let running = 0;
  let hashOfNobody: Promise<string> | undefined;
  let slowestForeignMs = 0;

  async function verifyForeign(foreign: ForeignHash, password: string): Promise<boolean> {
    const startedAt = performance.now();
    const isRight = await foreign.verify(password);
    slowestForeignMs = Math.max(slowestForeignMs, performance.now() - startedAt);
    return isRight;
  }

  return {
    async inTurn(work, isOwn = false) {
      if (running >= places) {
        const waiting = isOwn ? owners : unknown;
        if (waiting.length >= queueLimit) throw new Busy("too many passwords wait to be judged");
        await new Promise<void>((resolve) => waiting.push(resolve));
      } else running += 1;
      try {
        return await work();
      } finally {
        const next = owners.shift() ?? unknown.shift();
        if (next === undefined) running -= 1;
        else next(); // the place is handed over, not given back
      }
    },
    waiting: () => unknown.length + owners.length,
    hash: (password) => hash(password, strength),
    async verify(stored, password) {
      try {
        if (isOwn(strengthOf(stored))) return await verify(stored, password);
        const foreign = foreignHash(stored);
        return typeof foreign === "string" ? false : await verifyForeign(foreign, password);
      } catch {
        return false; // a malformed hash is nobody's password
      }
    },
    foreignProblem(hash) {
      const foreign = foreignHash(hash);
      return typeof foreign === "string" ? foreign : null;
    },
    async learnFloor(hashes) {
      const kinds = new Map(hashes.map((hash) => [KIND.exec(hash)?.[0] ?? "", hash]));
      for (const hash of kinds.values())
        await this.inTurn(() => this.verify(hash, "nobody's password")).catch(() => false);
    },
    floorMs: () => Math.min(MOST_FLOOR_MS, slowestForeignMs * FLOOR_MARGIN),
    async verifyNothing(password) {
      hashOfNobody ??= hash("nobody's password", strength);
      await verify(await hashOfNobody, password);
    },
    needsRehash(stored) {
      // Stronger ones, too: they come from another system, and the time that they take to judge tells them apart.
      return JSON.stringify(strengthOf(stored)) !== JSON.stringify(strength);
    },
    isCommon: (password, amongFirst = common.size) => (common.get(password) ?? common.size) < amongFirst,
  };
}

function strengthOf(stored: string): Strength | null {
  const found = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,6}),p=(\d{1,4})\$/.exec(stored);
  return found === null
    ? null
    : { memoryCost: Number(found[1]), timeCost: Number(found[2]), parallelism: Number(found[3]) };
}

/** A hash as this release or one before it makes them. */
function isOwn(has: Strength | null): boolean {
  return has !== null && has.memoryCost <= FULL.memoryCost && has.timeCost <= FULL.timeCost && has.parallelism === 1;
}
