import { Counter, Registry } from "prom-client";

import type { SignInWay, Tally } from "../domain/deps.js";
import { FACTOR_NAMES } from "../domain/factor.js";

/** A tally that Prometheus can read. */
export interface CountedTally extends Tally {
  readonly registry: Registry;
}

/** Counts by type of factor and by result: of both there are few, and nothing that people type is among them. */
export function newTally(): CountedTally {
  const registry = new Registry();
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const signIns = counter("sign_ins_total", "Sign-ins, by what was tried and how it went", ["factor", "outcome"]);
  const pushes = counter("pushes_total", "Requests to approve, by what came of sending", ["factor", "result"]);
  const enrolments = counter("enrolments_total", "Factors that were to be added, by result", ["factor", "result"]);
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
  };
}

/** As settings and forms call it. */
function nameOf(way: SignInWay): string {
  return way === "password" || way === "recovery-code" ? way : FACTOR_NAMES[way];
}
