import type { Attack } from "./attack.js";
import { forgedAnswers } from "./forged-answers.js";
import { forgedCallbacks } from "./forged-callbacks.js";
import { guessing } from "./guessing.js";
import { malformed } from "./malformed.js";
import { nextValues } from "./next-values.js";
import { phoneRaces } from "./phone-races.js";
import { pushBombing } from "./push-bombing.js";
import { races } from "./races.js";
import { replays } from "./replays.js";
import { scriptsInPages } from "./scripts-in-pages.js";
import { timing } from "./timing.js";

/** All attacks, in the order in which they run. */
export const ATTACKS: readonly Attack[] = [
  forgedCallbacks,
  forgedAnswers,
  replays,
  races,
  phoneRaces,
  pushBombing,
  guessing,
  timing,
  nextValues,
  scriptsInPages,
  malformed,
];
