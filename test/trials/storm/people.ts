import { setTimeout as wait } from "node:timers/promises";

import { type BrowserSettings } from "../../kit/browser.js";
import { enrol, type Person } from "../../kit/people.js";
import { type Program } from "../../kit/program.js";
import { signOut, type StormPerson } from "./sign-in.js";

const TRIES = 20;

/** Somebody with an account, a phone, and a browser that the account knows; signed out. */
export async function enrolPerson(
  program: Program,
  name: string,
  onAnswer: NonNullable<BrowserSettings["onAnswer"]>,
): Promise<StormPerson> {
  const person = await patiently(() => enrol(program, name, program.openBrowser({ onAnswer })));
  await signOut(person.browser);
  return { ...person, phone: phoneOf(program, person.authyId) };
}

/** A busy server says so. */
async function patiently(work: () => Promise<Person>): Promise<Person> {
  for (let tries = 1; ; tries++)
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES) throw error;
      await wait(1000);
    }
}

function phoneOf({ sandbox, phone }: Program, authyId: number): StormPerson["phone"] {
  const answered = new Set<string>();
  return {
    openRequest() {
      const newest = sandbox.state.requests.findLast((each) => each.authyId === authyId);
      return newest?.answer === null && !answered.has(newest.uuid) ? newest.uuid : undefined;
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
