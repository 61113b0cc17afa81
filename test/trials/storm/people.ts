import { setTimeout as wait } from "node:timers/promises";

import type { ChallengeRow } from "../../../src/database/schema.js";
import type { BrowserSettings } from "../../kit/browser.js";
import { enrolOwnPhone, type OwnPhone, type PhoneRequest } from "../../kit/own-phone.js";
import { enrol, register } from "../../kit/people.js";
import type { Program } from "../../kit/program.js";
import { signOut, type StormPerson } from "./sign-in.js";

const TRIES = 20;
/** So often an open page of a phone of our own would hear that something waits. */
const LOOK_EVERY_MS = 200;
/** Somebody whose tap was not answered taps again. */
const TAP_AGAIN_MS = 300;
const TAPS = 200;

/** Host of a push service to which the storm's phones are subscribed. */
export const PUSH_HOST = "fcm.googleapis.com";

/** What the people of a storm have: Authy's phone, one of our own, or every second person the one and the other. */
export type StormFactor = "authy" | "phone" | "mixed";

/** Somebody with an account, a phone, and a browser that the account knows; signed out. */
export async function enrolPerson(
  program: Program,
  n: number,
  factor: StormFactor,
  onAnswer: NonNullable<BrowserSettings["onAnswer"]>,
): Promise<StormPerson> {
  const browser = program.openBrowser({ onAnswer });
  const hasOwn = factor === "phone" || (factor === "mixed" && n % 2 === 0);
  const name = `person${n}`;
  const person = await patiently(() => (hasOwn ? register : enrol)(program, name, browser));
  const phone = hasOwn ? ownPhone(program, await patiently(() => enrolOwnPhone(browser))) : null;
  await phone?.subscribe(name);
  await signOut(browser);
  return { ...person, phone: phone ?? authyPhone(program, person.authyId) };
}

/** A busy server says so. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES) throw error;
      await wait(1000);
    }
}

function authyPhone({ sandbox, phone }: Program, authyId: number): StormPerson["phone"] {
  const answered = new Set<string>();
  return {
    openRequest() {
      const newest = sandbox.state.requests.findLast((each) => each.authyId === authyId);
      const isOpen = newest?.answer === null && !answered.has(newest.uuid);
      return Promise.resolve(isOpen ? newest.uuid : undefined);
    },
    answer(uuid, action) {
      answered.add(uuid);
      return phone.answer(uuid, action).then(
        () => true,
        () => false,
      );
    },
  };
}

/** The open page of a phone of our own, which shows the newest request and sends what is tapped. */
function ownPhone(
  { database }: Program,
  phone: OwnPhone,
): StormPerson["phone"] & { subscribe(name: string): Promise<unknown> } {
  const answered = new Set<string>();
  let shown: PhoneRequest | undefined;
  let lookAt = 0;
  /** What became of an answer whose reply was lost: nobody else can approve this one. */
  const wasApproved = async (id: string): Promise<boolean | null> => {
    const row = await database
      .getRepository<ChallengeRow>("challenge")
      .findOneBy({ id })
      .catch(() => null);
    return row === null ? null : ["approved", "consumed", "lapsed"].includes(row.state);
  };
  return {
    subscribe: (name) => patiently(() => phone.subscribe(`https://${PUSH_HOST}/fcm/send/${name}`)),
    async openRequest() {
      if (performance.now() < lookAt) return undefined;
      lookAt = performance.now() + LOOK_EVERY_MS;
      const [newest] = await phone.requests().catch(() => []);
      shown = newest;
      return newest !== undefined && !answered.has(newest.id) ? newest.id : undefined;
    },
    async answer(id, action) {
      answered.add(id);
      const request = shown;
      if (request?.id !== id) return false;
      for (let taps = 0; taps < TAPS; taps++) {
        const answer = await phone.answer(request, action).catch(() => null);
        if (answer?.status === 200 && answer.body.includes('"settled"')) return true;
        if (answer !== null && answer.status < 500 && answer.status !== 429) {
          if (answer.status !== 200) return false;
          const approved = await wasApproved(id);
          if (approved !== null) return action === "approve" ? approved : false;
        }
        await wait(TAP_AGAIN_MS);
      }
      return false;
    },
  };
}
