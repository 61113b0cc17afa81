import type { PushWords } from "../domain/deps.js";
import type { Language } from "../domain/language.js";
import { browserWords } from "./browser-words.js";
import type { Texts } from "./text.js";

/** What a phone asks, in the words of one language; of one that is not offered, or of none, in the first one's. */
export function pushWords(texts: Texts, wanted: Language | null): PushWords {
  const [first = "en"] = texts.languages;
  const language = texts.languages.find((each) => each === wanted) ?? first;
  const text = texts.of(language);
  return {
    language,
    question: (purpose, appName) =>
      purpose === "sign-in"
        ? text("push.sign-in", { app: appName })
        : text("push.step-up", { app: appName, action: text(`action.${purpose}`) }),
    browser: (label) => browserWords(text, label),
    time: (at) => text("push.time", { utc: at.toISOString().slice(0, 16).replace("T", " ") }),
    action: (action, about) => {
      if (action === "authorize-device" && typeof about === "string") return text("push.device", { name: about });
      const what = text(`action.${action}`);
      return about === null || typeof about === "string"
        ? what
        : text("push.named", { action: what, name: about.label || text(`device.${about.type}`) });
    },
    offers: () => ({ look: text("push.look"), deny: text("push.deny"), over: text("push.over") }),
    silent: (label) => ({
      title: text("push.silent", { phone: label || text("push.a-phone") }),
      body: text("push.silent-next"),
    }),
  };
}
