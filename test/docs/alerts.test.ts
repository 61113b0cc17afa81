import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";

it("docs/operations.md says what to do for each alert", () => {
  const rules = readFileSync("deploy/prometheus/alerts.yml", "utf8");
  const alerts = Array.from(rules.matchAll(/- alert: (\w+)/g), ([, name]) => name);
  const documented = Array.from(
    readFileSync("docs/operations.md", "utf8").matchAll(/^\| `([A-Z]\w+)` \| (page|look) \|/gm),
    ([, name]) => name,
  );
  assert.ok(alerts.length > 0);
  assert.deepEqual(documented, alerts);
});
