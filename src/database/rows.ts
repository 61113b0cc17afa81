import { type Rows } from "../domain/deps.js";
import { attempts } from "./attempts.js";
import { audit } from "./audit.js";
import { browsers } from "./browsers.js";
import { challenges } from "./challenges.js";
import { enrolments } from "./enrolments.js";
import { factors } from "./factors.js";
import { failures } from "./failures.js";
import { receipts } from "./receipts.js";
import { recoveryCodes } from "./recovery-codes.js";
import { type RowSource } from "./schema.js";
import { sessions } from "./sessions.js";
import { subscribers } from "./subscribers.js";

/** Every noun's rows, read and written through one source: the database, or one transaction of it. */
export function rowsIn(source: RowSource) {
  return {
    subscribers: subscribers(source),
    factors: factors(source),
    enrolments: enrolments(source),
    attempts: attempts(source),
    challenges: challenges(source),
    sessions: sessions(source),
    browsers: browsers(source),
    recoveryCodes: recoveryCodes(source),
    receipts: receipts(source),
    failures: failures(source),
    audit: audit(source),
  } satisfies Rows;
}
