import { Counter, Histogram, Registry } from "prom-client";

import type { SignInWay, Tally } from "../domain/deps.js";
import { FACTOR_NAMES } from "../domain/factor.js";

/** A tally that Prometheus can read. */
export interface CountedTally extends Tally {
  readonly registry: Registry;
}

/** From a tap that is answered at once to a request at its end. */
const ANSWER_SECONDS = [2, 4, 6, 10, 15, 30, 60, 120];
const CALLBACK_AGE_SECONDS = [1, 2, 5, 10, 30, 60, 120];
const UPSTREAM_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 3];

/** Counts by type of factor and by result: of both there are few, and nothing that people type is among them. */
export function newTally(): CountedTally {
  const registry = new Registry();
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const signIns = counter("sign_ins_total", "Sign-ins, by what was tried and how it went", ["factor", "outcome"]);
  const pushes = counter("pushes_total", "Requests to approve, by what came of sending", ["factor", "result"]);
  const enrolments = counter("enrolments_total", "Factors that were to be added, by result", ["factor", "result"]);
  const seconds = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[],
  ): Histogram<Label> => new Histogram({ name, help, labelNames, buckets, registers: [registry] });
  const settled = counter("challenges_settled_total", "Requests to approve that ended, by whom", [
    "factor",
    "outcome",
    "by",
  ]);
  const answers = seconds("push_answer_seconds", "From a request to its answer", ["factor"], ANSWER_SECONDS);
  const callbacks = counter("callbacks_total", "Calls of providers, by what became of them", ["factor", "word"]);
  const ages = seconds("callback_age_seconds", "From an answer to its callback", ["factor"], CALLBACK_AGE_SECONDS);
  const upstream = seconds(
    "upstream_request_duration_seconds",
    "Time that Authy took to answer, by route",
    ["route", "result"],
    UPSTREAM_SECONDS,
  );
  return {
    registry,
    signIn(way, outcome) {
      signIns.inc({ factor: nameOf(way), outcome });
    },
    push(type, result) {
      pushes.inc({ factor: nameOf(type), result });
    },
    enrolment(type, result) {
      enrolments.inc({ factor: nameOf(type), result });
    },
    settled(type, outcome, by, afterMs) {
      settled.inc({ factor: nameOf(type), outcome, by });
      if (outcome === "approved" || outcome === "denied") answers.observe({ factor: nameOf(type) }, afterMs / 1000);
    },
    callback(type, word, ageMs) {
      callbacks.inc({ factor: nameOf(type), word });
      if (ageMs !== undefined) ages.observe({ factor: nameOf(type) }, Math.max(0, ageMs / 1000));
    },
    upstream(route, result, ms) {
      upstream.observe({ route, result }, ms / 1000);
    },
  };
}

/** As settings and forms call it. */
function nameOf(way: SignInWay): string {
  return way === "password" || way === "recovery-code" ? way : FACTOR_NAMES[way];
}
