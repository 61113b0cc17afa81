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
  const spans = ["push:authy-push", "ask:authy-push", "settle:poll", "finish:approval", "POST /login/approval/finish"];
  const traceId = (): string | undefined => collector.spans.find(({ name }) => name === "finish:approval")?.traceId;
  const traced = () => collector.spans.filter((span) => span.traceId === traceId());
  const isWhole = (): boolean => spans.every((each) => traced().some(({ name }) => name === each));
  await until(isWhole, "a part of the sign-in was not traced");

  const begin = traced().filter(({ parentSpanId }) => parentSpanId === undefined);
  assert.deepEqual(
    begin.map(({ name }) => name),
    ["sign-in"],
  );
  for (const { name, parentSpanId } of traced())
    if (name !== "sign-in") assert.equal(parentSpanId, begin[0]?.spanId, name);
  const processes = [...collector.resources].filter((each) => each.startsWith("service.instance.id="));
  assert.ok(processes.length >= 3, processes.join());
});
