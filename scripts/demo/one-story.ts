import { randomBytes } from "node:crypto";
import { openBrowser } from "../../test/kit/browser.js";
import { openPhone } from "../../test/kit/phone.js";
import type { Settlements } from "../../test/kit/settlements.js";
import {
  type StoryStep,
  tellApplicationsStory,
  tellAppStory,
  tellPasskeyStory,
  tellPhoneStory,
  tellStory,
} from "../../test/kit/story.js";
import type { DemoFactor, RunningProgram } from "./start-program.js";
import { stepLine, type StoryReport } from "./timeline.js";

const LIMIT_MS = 120_000;

/** Which story is told, and how answers come. */
export interface StoryChoices {
  readonly callbacks: StoryReport["callbacks"];
  readonly factor: DemoFactor;
  /** Whether it goes on to two applications. */
  readonly app: boolean;
}

/** Tells the story once against the running program; a step that fails is in the report, not thrown. */
export async function tellOnce(
  { site, phone, redis, examples }: RunningProgram,
  { settledBy }: Settlements,
  { callbacks, factor, app }: StoryChoices,
  say: (line: string) => void,
): Promise<StoryReport> {
  const steps: StoryStep[] = [];
  const onStep = (step: StoryStep): void => {
    steps.push(step);
    say(stepLine(step));
  };
  const who = { username: "demo", email: "demo@example.com", password: randomBytes(12).toString("base64url") };
  const startedAt = performance.now();
  const browser = openBrowser(site);
  const stage = { browser, settledBy, onStep };
  const tellWith: Readonly<Record<DemoFactor, () => Promise<StoryStep[]>>> = {
    authy: () => tellStory({ ...stage, phone: openPhone(phone) }, who),
    phone: () => tellPhoneStory(stage, who),
    passkey: () => tellPasskeyStory(stage, who),
    totp: () => tellAppStory(stage, who),
  };
  const told =
    app && examples !== null
      ? tellApplicationsStory({ ...stage, phone: openPhone(phone) }, who, examples)
      : tellWith[factor]();
  const outcome = await Promise.race([
    told.then(
      () => ({ ok: true }),
      (cause: unknown) => ({ ok: false, error: cause instanceof Error ? cause.message : String(cause) }),
    ),
    outOfTime(),
  ]);
  return { ...outcome, redis, callbacks, totalMs: Math.round(performance.now() - startedAt), steps };
}

function outOfTime(): Promise<Pick<StoryReport, "ok" | "error">> {
  return new Promise((resolve) => {
    setTimeout(() => {
      resolve({
        ok: false,
        error: `not finished after ${LIMIT_MS / 1000} s; what follows the last step shown took too long`,
      });
    }, LIMIT_MS).unref();
  });
}
