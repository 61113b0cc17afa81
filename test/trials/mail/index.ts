import { newOwner } from "../../kit/owner.js";
import { tryOutbox } from "./outbox.js";
import { floodOfResets, timeOfResetPage } from "./reset-page.js";

/** The long form: `node --import tsx test/trials/mail/index.ts [outbox|reset]`. Exits 1 on a violation. */
const [, , which = "all"] = process.argv;
const owner = newOwner();
let isKept = true;
if (which !== "reset") {
  const trial = { events: 2000, faults: 60, seed: 16, faultMs: 1500, withProcesses: true };
  const outcome = await tryOutbox(owner, trial, console.log);
  console.log(outcome);
  isKept &&= outcome.lost === 0 && outcome.doubled === 0;
}
if (which !== "outbox") {
  for (const known of ["registered", "imported"] as const) {
    const { area } = await timeOfResetPage(owner, 5000, 16, known);
    console.log(
      `reset page, 5,000 pairs of ${known} and unknown names: the area under the curve is ${area.toFixed(4)}`,
    );
    isKept &&= area >= 0.48 && area <= 0.52;
  }
  const ordered = await floodOfResets(owner, 10_000);
  console.log(`10,000 requests for one account ordered ${ordered} messages`);
  isKept &&= ordered <= 5;
}
await owner.end();
process.exit(isKept ? 0 : 1);
