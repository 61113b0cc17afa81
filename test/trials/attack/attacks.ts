import type { Attack } from "./attack.js";
import { forgedAnswers } from "./forged-answers.js";
import { forgedCallbacks } from "./forged-callbacks.js";
import { guessing } from "./guessing.js";
import { malformed, malformedForApplications } from "./malformed.js";
import { nextValues } from "./next-values.js";
import { phoneRaces } from "./phone-races.js";
import { pushBombing } from "./push-bombing.js";
import { races } from "./races.js";
import { replays } from "./replays.js";
import { scriptsInPages } from "./scripts-in-pages.js";
import { tokenRaces } from "./token-races.js";
import { timing } from "./timing.js";

/** What attacks signing in itself. */
export const ON_SIGN_IN: readonly Attack[] = [
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

/** What attacks the way on to other applications. */
export const ON_APPLICATIONS: readonly Attack[] = [tokenRaces, malformedForApplications];

/** All attacks, in the order in which they run. */
export const ATTACKS: readonly Attack[] = [...ON_SIGN_IN, ...ON_APPLICATIONS];
