import assert from "node:assert/strict";
import { it } from "node:test";

import { enrol, startSignIn } from "../kit/people.js";
import { startProgram } from "../kit/program.js";
import { startTraceCollector } from "../kit/trace-collector.js";
import { until } from "../kit/until.js";

it("one sign-in is one trace, from the password through Authy and the worker to the session", async (t) => {
  const collector = await startTraceCollector(t);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, MATCH_CODE: "never", POLL_FIRST_MS: "300" };
  const program = await startProgram(t, { webs: 2, env });
  const person = await enrol(program);
  await person.browser.post("/logout");
  await program.phone.faults({ callbacks: "drop" });
  const waiting = await startSignIn(person);
  await person.answer("approve");
  assert.equal(await program.settledBy(waiting.id), "poll");
  await person.browser.copy(program.webs[1]?.site).post("/login/approval/finish");
  const finished = (): boolean => collector.spans.some(({ name }) => name === "POST /login/approval/finish");
  await until(finished, "the finish was not traced");

  const { traceId } = collector.spans.find(({ name }) => name.startsWith("finish:"))!;
  const trace = collector.spans.filter((span) => span.traceId === traceId);
  const begin = trace.filter(({ parentSpanId }) => parentSpanId === undefined);
  assert.deepEqual(
    begin.map(({ name }) => name),
    ["sign-in"],
  );
  const under = new Set(trace.filter(({ parentSpanId }) => parentSpanId === begin[0]?.spanId).map(({ name }) => name));
  for (const name of ["push:authy-push", "ask:authy-push", "settle:poll", "finish:approval"])
    assert.ok(under.has(name), `${name} is missing among ${[...under].join(", ")}`);
  const processes = [...collector.resources].filter((each) => each.startsWith("service.instance.id="));
  assert.ok(processes.length >= 3, processes.join());
});
