import { randomUUID } from "node:crypto";

import type { Deps, Origin } from "./deps.js";
import { ASKED_FOR, type ResetRequest } from "./mail.js";
import type { Subscriber } from "./subscriber.js";
import { usernameKey } from "./username.js";

const BATCH = 100;
const HOUR_MS = 3_600_000;

/**
 * Notes that somebody says to have forgotten a password. Whose name or address it is, is not looked up here: a worker does
 * that later, so that neither the answer nor its time can tell.
 */
export async function requestReset(
  { resetRequests, now }: Pick<Deps, "resetRequests" | "now">,
  typed: string,
  { address, browserLabel }: Origin,
): Promise<void> {
  await resetRequests.insert({ id: randomUUID(), typed: typed.slice(0, 254), address, browserLabel, at: now() });
}

type AnswerDeps = Pick<Deps, "resetRequests" | "subscribers" | "mails" | "transaction" | "settings" | "log" | "now">;

/** Orders the messages for all requests so far. */
export async function answerResetRequests(deps: AnswerDeps): Promise<void> {
  for (;;) {
    const requests = await deps.resetRequests.list(BATCH);
    for (const request of requests) await answer(deps, request);
    if (requests.length < BATCH) return;
  }
}

/** One transaction takes the request and writes its messages: a worker that dies has done both, or neither. */
async function answer(deps: AnswerDeps, request: ResetRequest): Promise<void> {
  const { id, typed, at, address, browserLabel } = request;
  await deps.transaction(async ({ resetRequests, subscribers, mails, audit }) => {
    if (!(await resetRequests.take(id))) return;
    for (const owner of await ownersOf({ subscribers }, typed)) {
      // The account is held while its messages are counted: several workers would each find room for one more.
      if (owner.disabledAt !== null || !(await subscribers.hold(owner.id, owner.epoch))) continue;
      const isFull = await hasTooMany({ mails }, owner.id, deps.settings.mailsPerAccount, at);
      if (isFull) continue;
      await audit.record({
        ...{ subscriberId: owner.id, kind: "reset-asked", at: deps.now(), origin: { address, browserLabel } },
        mails: [{ kind: "reset" }],
      });
    }
  });
}

/** The account of that name, or those with that address: a name has no @. */
async function ownersOf({ subscribers }: Pick<Deps, "subscribers">, typed: string): Promise<readonly Subscriber[]> {
  if (typed.includes("@")) return subscribers.findByEmail(typed.normalize("NFKC").trim());
  const owner = await subscribers.findByName(usernameKey(typed));
  return owner === null ? [] : [owner];
}

/** Whether strangers have caused as many messages to the account within the hour as they may. `0` means no limit. */
export async function hasTooMany(
  { mails }: Pick<Deps, "mails">,
  subscriberId: string,
  most: number,
  now: Date,
): Promise<boolean> {
  return most > 0 && (await mails.countSince(subscriberId, ASKED_FOR, new Date(now.getTime() - HOUR_MS))) >= most;
}
