import assert from "node:assert/strict";
import { after, it } from "node:test";

import { rows } from "./rows.js";

it("the benchmark of full tables measures both sides, in its short form", async () => {
  const figures = await rows({ after }, { rounds: 1, crowd: { people: 100, challenges: 1000 } });
  assert.equal(figures.length, 4);
  for (const { name, bare, product, ratio } of figures)
    assert.ok(bare > 0 && product > 0 && Number.isFinite(ratio), `${name}: ${bare} against ${product}`);
});
