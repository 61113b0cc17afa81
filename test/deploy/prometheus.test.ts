import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";

import { needProgram } from "../../scripts/setup/find-programs.mjs";
import { enrol } from "../kit/people.js";
import { freePort } from "../kit/ports.js";
import { startProgram } from "../kit/program.js";
import { until } from "../kit/until.js";

const prometheus = needProgram("prometheus");
const promtool = path.join(path.dirname(prometheus), "promtool");

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const folder = mkdtempSync(path.join(tmpdir(), "countersign-prometheus-"));
const [workerPort, port] = [await freePort(), await freePort()];
const api = `http://127.0.0.1:${port}/api/v1`;
const program = await startProgram({ after }, { env: { MATCH_CODE: "never", WORKER_PORT: String(workerPort) } });

const config = readFileSync("deploy/prometheus/prometheus.yml", "utf8")
  .replace("127.0.0.1:3000", `127.0.0.1:${program.web.port}`)
  .replace("127.0.0.1:9091", `127.0.0.1:${workerPort}`)
  .replaceAll("15s", "1s");
writeFileSync(path.join(folder, "prometheus.yml"), config);
copyFileSync("deploy/prometheus/alerts.yml", path.join(folder, "alerts.yml"));
const server = spawn(prometheus, [
  `--config.file=${path.join(folder, "prometheus.yml")}`,
  `--storage.tsdb.path=${path.join(folder, "data")}`,
  `--web.listen-address=127.0.0.1:${port}`,
]);
after(async () => {
  server.kill();
  if (server.exitCode === null) await once(server, "exit");
  rmSync(folder, { recursive: true, force: true });
});

async function ask(what: string, query = ""): Promise<unknown> {
  const response = await fetch(`${api}/${what}${query && `?query=${encodeURIComponent(query)}`}`);
  const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string };
  assert.equal(status, "success", `${query}: ${error ?? ""}`);
  return data;
}

async function valuesOf(query: string): Promise<number[]> {
  const { result } = (await ask("query", query)) as { result: { value: [number, string] }[] };
  return result.map(({ value: [, value] }) => Number(value));
}

/** Whether a query has this one value; false while Prometheus does not answer yet. */
async function is(query: string, value: number): Promise<boolean> {
  return (await valuesOf(query).catch(() => []))[0] === value;
}

await until(() => is("sum(up)", 2), "Prometheus did not find web process and worker", 30_000);
const person = await enrol(program);
await person.browser.post("/logout");
await person.signIn();
const SIGNED_IN = 'sum(sign_ins_total{outcome="signed-in", factor="authy"})';
await until(() => is(SIGNED_IN, 1), "Prometheus did not see the sign-in", 30_000);

describe("deploy/prometheus and deploy/grafana, with a real Prometheus", () => {
  it("answers every query of the dashboard and of the alerts", async () => {
    const { panels } = JSON.parse(readFileSync("deploy/grafana/countersign.json", "utf8")) as Dashboard;
    // Without a mail server there is nothing to show of messages.
    const queries = panels.filter(({ title }) => title !== "Messages").flatMap(({ targets }) => targets);
    const isAnswered = async (): Promise<boolean> => {
      const values = await Promise.all(queries.map(({ expr }) => valuesOf(expr.replaceAll("$__rate_interval", "1m"))));
      return values.every((each) => each.length > 0);
    };
    await until(isAnswered, "a panel of the dashboard stays empty", 30_000);
    const { groups } = (await ask("rules")) as { groups: { rules: { name: string; health: string }[] }[] };
    const unwell = groups.flatMap(({ rules }) => rules).filter(({ health }) => health === "err");
    assert.deepEqual(unwell, []);
  });

  it("counts the sign-in: who settled it, how old its callback was, how Authy answered", async () => {
    const one = async (query: string): Promise<number | undefined> => (await valuesOf(query))[0];
    assert.equal(await one('sum(challenges_settled_total{factor="authy", outcome="approved", by="callback"})'), 1);
    assert.equal(await one('sum(push_answer_seconds_count{factor="authy"})'), 1);
    assert.equal(await one('sum(callbacks_total{factor="authy", word="settled"})'), 1);
    assert.equal(await one('sum(callback_age_seconds_count{factor="authy"})'), 1);
    assert.ok(((await one('sum(upstream_request_duration_seconds_count{result="200"})')) ?? 0) >= 1);
    assert.equal(await one('count(upstream_request_duration_seconds_count{route=~".*[0-9]{3}.*"}) or vector(0)'), 0);
    assert.equal(await one('sum(dependency_up{name=~"database|redis"})'), 2);
  });

  it("has alerts that promtool finds to be quiet while all is well, and each to sound while all is ill", () => {
    execFileSync(promtool, ["test", "rules", "deploy/prometheus/alerts.test.yml"], { stdio: "pipe" });
  });
});
