import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Deps } from "../../src/domain/deps.js";
import { upstreamRemovals } from "../../src/domain/disable-two-factor.js";
import { ProviderRefused, ProviderUnavailable } from "../../src/domain/errors.js";
import type { Factor } from "../../src/domain/factor.js";

function phone(id: string): Factor {
  const at = new Date("2026-11-24T10:00:00Z");
  return {
    ...{ id, subscriberId: id, type: "authy-push", providerId: id, label: "", state: "removed", isPreferred: false },
    ...{ createdAt: at, lastUsedAt: null, replacesId: null, provedAt: null, removedAt: at },
  };
}

/** Phones that are removed here, and an Authy that answers each removal as told. */
function forgotten(ids: readonly string[], answers: Record<string, () => Promise<void>>) {
  const asked: string[] = [];
  const done: string[] = [];
  let now = 0;
  const deps = {
    now: () => new Date(now),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    providers: {
      "authy-push": {
        remove: ({ providerId: id }: Factor) => {
          asked.push(id);
          return answers[id]?.() ?? Promise.resolve();
        },
      },
    },
    factors: {
      findForgotten: () => Promise.resolve(ids.filter((id) => !done.includes(id)).map(phone)),
      isActiveAnywhere: (_type: string, id: string) => Promise.resolve(id === "again"),
      noteRemovedUpstream: (id: string) => {
        done.push(id);
        return Promise.resolve();
      },
    },
  };
  const remove = upstreamRemovals(deps as unknown as Deps);
  return { remove, asked, done, pass: (ms: number) => (now += ms) };
}

const refuse = () => Promise.reject(new ProviderRefused("wrong key"));
const away = () => Promise.reject(new ProviderUnavailable("away"));

describe("R10 telling Authy of removed phones", () => {
  it("counts nothing as done that Authy refused, goes on with the others, and asks again later", async () => {
    const { remove, asked, done, pass } = forgotten(["a", "b"], { a: refuse });
    await remove();
    assert.deepEqual([asked, done], [["a", "b"], ["b"]]);
    await remove();
    assert.deepEqual(asked, ["a", "b"], "it rests for a while");
    pass(61_000);
    await remove();
    assert.deepEqual([asked, done], [["a", "b", "a"], ["b"]]);
  });

  it("stops while Authy is away and begins again at the next round", async () => {
    const { remove, asked, done } = forgotten(["a", "b"], { a: away });
    await remove();
    await remove();
    assert.deepEqual([asked, done], [["a", "a"], []]);
  });

  it("leaves a phone at Authy that protects an account again", async () => {
    const { remove, asked, done } = forgotten(["again"], {});
    await remove();
    assert.deepEqual([asked, done], [[], ["again"]]);
  });
});
