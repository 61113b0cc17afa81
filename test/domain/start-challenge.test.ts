import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Attempt } from "../../src/domain/attempt.js";
import type { Deps } from "../../src/domain/deps.js";
import {
  type LoginError,
  ProviderRefused,
  ProviderThrottled,
  ProviderUnavailable,
  ProviderUnconfirmed,
} from "../../src/domain/errors.js";
import type { Factor } from "../../src/domain/factor.js";
import { startChallenge } from "../../src/domain/start-challenge.js";
import type { Subscriber } from "../../src/domain/subscriber.js";
import { newTally } from "../../src/http/tally.js";

/**
 * Starts a challenge whose request ends with this error.
 *
 * @param counts - How many pushes the account has, each time that they are counted; at most four are allowed.
 * @returns the log's messages, and what became of the row.
 */
async function startWith(error: LoginError, counts = [0, 1]): Promise<{ logged: string[]; row: string }> {
  const logged: string[] = [];
  let row = "creating";
  const log = (_fields: object, message: string): void => void logged.push(message);
  const done = (): Promise<boolean> => Promise.resolve(true);
  const deps = {
    now: () => new Date(0),
    settings: { pushLimit: 4, appName: "Example", approvalTtlSeconds: 120, attemptTtlSeconds: 900 },
    log: { info: log, warn: log, error: log },
    pushWords: () => ({
      language: "en",
      ...{ question: () => "", action: () => "", browser: () => "", time: () => "" },
      silent: () => ({ title: "", body: "" }),
      offers: () => ({ look: "", deny: "", over: "" }),
    }),
    attempts: { extend: done },
    challenges: {
      insert: done,
      countPushes: () => Promise.resolve(counts.shift()),
      settle: (_id: string, outcome: string) => ((row = outcome), Promise.resolve({ createdAt: new Date() })),
      noteFailure: (_id: string, failure: string) => ((row = `creating, ${failure}`), done()),
    },
    tally: newTally(),
    feed: { publish: done },
    polls: { forget: done },
    providers: { "authy-push": { asks: { send: () => Promise.reject(error) } } },
  };
  const attempt = {
    id: "a",
    purpose: "sign-in",
    application: null,
    address: "",
    browserLabel: "",
    isKnownBrowser: true,
  };
  await startChallenge(
    deps as unknown as Deps,
    attempt as Attempt,
    { id: "s", username: "ada", pushFrozenUntil: null } as Subscriber,
    [{ id: "f", type: "authy-push", providerId: "1" } as Factor],
    () => false,
  );
  return { logged: logged.filter((message) => message !== "challenge settled"), row };
}

describe("F1 a push whose request to Authy failed", () => {
  it("is logged as failed, and settled, when it certainly did not go out", async () => {
    for (const error of [new ProviderUnavailable(""), new ProviderRefused(""), new ProviderThrottled("", 1000)])
      assert.deepEqual(await startWith(error), { logged: ["push failed"], row: "failed" }, error.name);
  });

  it("is logged as unconfirmed, and stays open, when it may have gone out", async () => {
    const unconfirmed = await startWith(new ProviderUnconfirmed(""));
    assert.deepEqual(unconfirmed, { logged: ["push unconfirmed"], row: "creating, unconfirmed" });
  });
});

describe("P4 the budget of pushes", () => {
  it("is counted again once the row stands: of many that passed together, those beyond the budget do not go out", async () => {
    const refused = new ProviderRefused("");
    assert.deepEqual(await startWith(refused, [4]), { logged: [], row: "creating" }, "the budget is used up");
    assert.deepEqual(await startWith(refused, [3, 4]), { logged: ["push failed"], row: "failed" }, "the last one");
    assert.deepEqual(await startWith(refused, [3, 5]), { logged: [], row: "failed" }, "others came in between");
  });
});
