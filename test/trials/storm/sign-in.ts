import { setTimeout as wait } from "node:timers/promises";

import type { Answer, Browser } from "../../kit/browser.js";
import { type Person, stateIn, waitingIn } from "../../kit/people.js";

/** A person keeps trying for so long. */
const PATIENCE_MS = 120_000;
const LOOK_AT_PHONE_MS = 60;

/** What a person means to do with the request on the phone. */
export type Plan = "approve" | "approve-twice" | "deny" | "cancel";

/** What the phone is asked about: a sign-in, or a sensitive act of somebody who is signed in. */
export type Act = "sign-in" | "step-up";

const ACTS = {
  "sign-in": { waits: "/login/approval", goesOn: "/account" },
  "step-up": { waits: "/account/approval", goesOn: "/account/recovery-codes" },
} as const;

/** How a sign-in or a step-up ended for its person. */
export interface Ending {
  readonly act: Act;
  readonly plan: Plan;
  /** `told`: the page said why nothing came of it. `gave-up`: nothing came of it in two minutes. */
  readonly end: "done" | "denied" | "cancelled" | "told" | "gave-up";
  /** The providers' names of the requests that the phone took an approval for. */
  readonly approved: readonly string[];
  /** From the last approval to the account's page. */
  readonly afterApprovalMs: number | null;
  /** The page of another account was shown. */
  readonly isWrongAccount: boolean;
  /** What happened, each with its second. */
  readonly story: string;
}

/** Somebody in the storm, and the phone that they look at. */
export interface StormPerson extends Person {
  readonly phone: {
    /** The newest open request that was not answered yet. */
    openRequest(): Promise<string | undefined>;
    /** @returns whether the answer was taken: by Authy, or by us where the phone is our own. */
    answer(uuid: string, action: "approve" | "deny"): Promise<boolean>;
  };
}

/**
 * One sign-in or step-up as a person lives it, with a page that does what the real one does: it follows the stream, asks when the
 * stream is refused, posts the finish by itself, and tries again whatever breaks.
 *
 * @param reactionMs - How long the request waits on the phone before it is answered, in ms.
 */
export async function countersign(person: StormPerson, act: Act, plan: Plan, reactionMs: number): Promise<Ending> {
  const { browser } = person;
  const { waits, goesOn } = ACTS[act];
  const deadline = performance.now() + PATIENCE_MS;
  const approved: string[] = [];
  let approvedAt: number | null = null;
  const startedAt = performance.now();
  const story: string[] = [];
  const note = (what: string): void => {
    story.push(`${((performance.now() - startedAt) / 1000).toFixed(1)} ${what}`);
  };
  const over = new AbortController();
  const answering = answerPhone();

  async function answerPhone(): Promise<void> {
    if (plan === "cancel") return;
    const action = plan === "deny" ? "deny" : "approve";
    while (!over.signal.aborted) {
      const uuid = await person.phone.openRequest();
      if (uuid !== undefined) {
        await wait(reactionMs);
        const taken = await person.phone.answer(uuid, action);
        if (taken && action === "approve") {
          approved.push(uuid);
          approvedAt = performance.now();
          note("approved on the phone");
        }
      }
      await wait(LOOK_AT_PHONE_MS);
    }
  }

  const end = (how: Ending["end"], isWrongAccount = false): Ending => ({
    act,
    plan,
    end: how,
    approved,
    afterApprovalMs: approvedAt === null ? null : performance.now() - approvedAt,
    isWrongAccount,
    story: story.join("; "),
  });

  /** Tries until an answer comes that is no excuse; null when the person's patience ends. */
  async function patiently(ask: () => Promise<Answer>): Promise<Answer | null> {
    while (performance.now() < deadline) {
      const answer = await ask().catch(() => null);
      if (answer !== null && answer.status < 500 && answer.status !== 429) return answer;
      note(answer === null ? "no answer" : `${answer.status}`);
      await wait(Math.min(2000, 1000 * (Number(answer?.headers["retry-after"]) || 0.3)));
    }
    return null;
  }

  async function begin(): Promise<boolean> {
    const { username, password } = person;
    await patiently(() => browser.get(act === "sign-in" ? "/login" : "/account"));
    const answer = await patiently(() =>
      act === "sign-in"
        ? browser.post("/login", { username, password, next: goesOn })
        : browser.post(waits, { action: "new-recovery-codes" }),
    );
    note(`${act} ${answer?.status ?? "unanswered"} ${answer?.location ?? ""}`);
    return answer?.status === 303 && answer.location === waits;
  }

  async function follow(page: string): Promise<void> {
    const { events, status } = waitingIn(page);
    if (events === "" || status === "") {
      await wait(500);
      return;
    }
    for (let isRefused = false; performance.now() < deadline;) {
      if (!isRefused) {
        const ended = await browser.watch(events).end;
        note(
          "final" in ended ? `event ${ended.final}` : "cut" in ended ? "stream cut" : `stream refused ${ended.refused}`,
        );
        if ("final" in ended) return;
        if ("cut" in ended) await wait(Math.min(ended.cut, 2000));
        else isRefused = true;
      } else {
        await wait(1200);
        const answer = await browser.get(status, { accept: "application/json" }).catch(() => null);
        if (answer?.status === 404) return;
        if (answer?.status === 200 && !answer.body.includes('"pending"')) return;
      }
    }
  }

  async function finish(): Promise<boolean> {
    const post = (): Promise<Answer> => browser.post(`${waits}/finish`);
    const both = plan === "approve-twice" ? post().catch(() => null) : null;
    const [answer] = await Promise.all([patiently(post), both]);
    note(`finish ${answer?.status ?? "unanswered"} ${answer?.location ?? ""}`);
    return answer?.status === 303 && answer.location === goesOn;
  }

  async function untilItEnds(): Promise<Ending> {
    while (performance.now() < deadline) {
      const page = await patiently(() => browser.get(waits));
      if (page === null) break;
      if (page.status !== 200) {
        note(`approval page ${page.status} ${page.location}`);
        // A repeat whose first answer got lost may have signed this browser in already.
        if (page.location !== "/account" && !(act === "sign-in" && (await begin()))) return end("told");
        if (page.location === "/account") {
          const ending = await check();
          if (ending !== null) return ending;
        }
        continue;
      }
      const state = stateIn(page.body);
      note(`page says ${state}`);
      if (plan === "cancel" && ["waiting", "sending"].includes(state)) {
        const answer = await patiently(() => browser.post(`${waits}/cancel`));
        if (answer?.status === 303) return end("cancelled");
        continue;
      }
      switch (state) {
        case "waiting":
          await follow(page.body);
          break;
        case "sending":
          await wait(700);
          break;
        case "approved":
          if (await finish()) {
            const ending = await check();
            if (ending !== null) return ending;
          }
          break;
        case "failed":
          // The page says so and offers to send it again, which people do.
          await wait(500);
          await patiently(() => browser.post(`${waits}/resend`));
          break;
        case "denied":
          return end("denied");
        default:
          return end("told");
      }
    }
    return end("gave-up");
  }

  /** @returns null when the account's page does not open: of two answers that crossed, the older one's cookie won. */
  async function check(): Promise<Ending | null> {
    const account = await patiently(() => browser.get("/account"));
    if (account?.status === 200) return end("done", !account.body.includes(person.username));
    note(`account ${account?.status ?? "unanswered"} ${account?.location ?? ""}`);
    await wait(200);
    return null;
  }

  try {
    if (!(await begin())) return end(performance.now() < deadline ? "told" : "gave-up");
    return await untilItEnds();
  } finally {
    over.abort();
    await answering;
  }
}

/** Signs out, so that the next sign-in starts from nothing. */
export async function signOut(browser: Browser): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const page = await browser.get("/account").catch(() => null);
    if (page?.status === 303) return;
    const answer = page === null ? null : await browser.post("/logout").catch(() => null);
    if (answer?.status === 303) return;
    await wait(500);
  }
}
