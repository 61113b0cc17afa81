import assert from "node:assert/strict";
import { after, it } from "node:test";

import { ensureBuilt } from "../../kit/built.js";
import { gate } from "./gate.js";
import { latency, tap } from "./latency.js";
import { memory } from "./memory.js";
import { polling } from "./polling.js";
import { startSides } from "./sides.js";
import { throughput } from "./throughput.js";

ensureBuilt();

it("the benchmarks measure both sides, in their short form", async () => {
  const sides = await startSides({ after });
  const figures = [
    ...(await latency(sides, { rounds: 1, streams: 10, warmUp: 64 })),
    ...(await tap(sides, { rounds: 1, streams: 10, warmUp: 64 })),
    ...(await throughput(sides, { rounds: 1, callbacks: 64 })),
    ...(await memory(sides, { rounds: 1, streams: 200 })),
    ...(await gate(sides, { rounds: 1, checks: 64, pages: 20 })),
    ...(await polling(sides, { rounds: 1, browsers: 5, withinMs: 1100 })),
  ];
  assert.equal(figures.length, 12);
  for (const { name, bare, product, ratio } of figures)
    assert.ok(bare > 0 && product > 0 && Number.isFinite(ratio), `${name}: ${bare} against ${product}`);
});
