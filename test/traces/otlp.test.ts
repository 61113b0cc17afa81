import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";

import { loadConfig } from "../../src/config.js";
import { otlpTraces } from "../../src/traces/otlp.js";
import { startTraceCollector } from "../kit/trace-collector.js";
import { until } from "../kit/until.js";

const AUTHY = { AUTHY_APP_NAME: "A", AUTHY_APP_ID: "1", AUTHY_PRODUCTION_API_KEY: "k", SESSION_KEYS: "s" };
const tracesOf = (env: Record<string, string>) => loadConfig({ ...AUTHY, ...env }, () => ["A".repeat(43)]).traces;
const QUIET = { warn: () => undefined };

describe("traces", () => {
  it("are off until a collector is named, and follow the standard variables", () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = "http://c:4318/";
    assert.equal(tracesOf({}), null);
    assert.equal(tracesOf({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: "true" }), null);
    assert.equal(tracesOf({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER: "always_off" }), null);
    const { resource, ...rest } = tracesOf({
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20x,a=b" },
      ...{ OTEL_SERVICE_NAME: "login", OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=staging" },
      ...{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" },
    })!;
    assert.deepEqual(rest, {
      url: "http://c:4318/v1/traces",
      headers: { authorization: "Bearer x", a: "b" },
      share: 0.25,
    });
    assert.equal(resource["service.name"], "login");
    assert.equal((resource as Record<string, string>)["deployment.environment"], "staging");
    assert.equal(tracesOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://d/t" })?.url, "http://d/t");
  });

  for (const [variable, value] of [
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "authorization"],
    ["OTEL_TRACES_SAMPLER_ARG", "2"],
    ["OTEL_TRACES_SAMPLER", "often"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
  ] as const)
    it(`refuse ${variable}=${value} by name`, () => {
      assert.throws(
        () => tracesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c", [variable]: value }),
        new RegExp(`^Error: The settings cannot be used:\n {2}${variable}: `),
      );
    });

  it("take nothing amiss in an environment that speaks another protocol and names no collector", () => {
    assert.equal(tracesOf({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }), null);
  });

  it("reach the collector as one trace for each attempt, under what began it", async (t) => {
    const collector = await startTraceCollector(t);
    const settings = {
      url: `${collector.url}/v1/traces`,
      headers: { authorization: "x" },
      resource: { a: "b" },
      share: 1,
    };
    const [one, other] = [otlpTraces(settings, QUIET), otlpTraces(settings, QUIET)];
    const attempt = randomUUID();
    one.span(attempt, "sign-in", performance.now() - 5, "begun", true);
    other.span(attempt, "ask:authy-push", performance.now() - 2, "approved");
    await Promise.all([one.close(), other.close()]);
    assert.equal(collector.spans.length, 2);
    const begin = collector.spans.find(({ parentSpanId }) => parentSpanId === undefined)!;
    const asked = collector.spans.find(({ parentSpanId }) => parentSpanId === begin.spanId)!;
    assert.equal(begin.traceId, attempt.replaceAll("-", ""));
    assert.equal(asked.traceId, begin.traceId);
    assert.match(begin.spanId, /^[0-9a-f]{16}$/);
    const ms = Number(BigInt(begin.endTimeUnixNano) - BigInt(begin.startTimeUnixNano)) / 1e6;
    assert.ok(ms >= 4.9 && ms < 1000, `${ms} ms`);
    assert.ok(Math.abs(Date.now() - Number(BigInt(begin.endTimeUnixNano) / 1_000_000n)) < 5000);
    assert.deepEqual([...collector.resources], ["a=b"]);
    assert.deepEqual(collector.headers, ["x", "x"]);
  });

  it("of a part of the attempts are of the same ones in every process", async (t) => {
    const collector = await startTraceCollector(t);
    const settings = { url: `${collector.url}/v1/traces`, headers: {}, resource: {}, share: 0.25 };
    const [one, other] = [otlpTraces(settings, QUIET), otlpTraces(settings, QUIET)];
    for (let at = 0; at < 1000; at += 1) {
      const attempt = randomUUID();
      one.span(attempt, "sign-in", performance.now(), "begun", true);
      other.span(attempt, "finish", performance.now());
    }
    await Promise.all([one.close(), other.close()]);
    const traced = new Set(collector.spans.map(({ traceId }) => traceId)).size;
    assert.ok(traced > 150 && traced < 350, `${traced} of 1000`);
    assert.equal(collector.spans.length, 2 * traced);
  });

  it("are dropped, and the log says so once a minute, when the collector does not take them", async (t) => {
    const collector = await startTraceCollector(t);
    const said: object[] = [];
    const traces = otlpTraces(
      { url: `${collector.url}/v1/traces`, headers: {}, resource: {}, share: 1 },
      { warn: (fields) => said.push(fields) },
    );
    collector.answer(503);
    for (let tries = 1; tries <= 2; tries += 1) {
      traces.span(randomUUID(), "sign-in", performance.now());
      await until(() => collector.headers.length === tries, "nothing was sent");
    }
    await traces.close();
    assert.deepEqual(said, [{ reason: "it answered 503", spans: 1 }]);
  });

  it("tell the log no header that cannot be sent", async () => {
    const said: object[] = [];
    const traces = otlpTraces(
      { url: "http://127.0.0.1:9/v1/traces", headers: { authorization: "secret\n" + "more" }, resource: {}, share: 1 },
      { warn: (fields) => said.push(fields) },
    );
    traces.span(randomUUID(), "sign-in", performance.now());
    await traces.close();
    assert.equal(said.length, 1);
    assert.doesNotMatch(JSON.stringify(said), /secret|more/);
  });
});
