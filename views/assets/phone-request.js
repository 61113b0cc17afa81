/** One request, and what the person says to it. */
import { minutes } from "./countdown.js";
import { NotUnlocked } from "./phone-lock.js";
import { button, element, focusTop, page, paragraph, say, showState } from "./phone-place.js";
import { answerRequest, readOutcome, Refusal } from "./phone-server.js";
import { word } from "./words.js";

/** @typedef {import("./phone-keys.js").Key} Key */
/** @typedef {import("./phone-server.js").Request} Request */

/** A tap that was meant for what stood here before must hit nothing. */
const DEAD_MS = 700;

const DETAILS = new Map([
  ["Account", "detail-account"],
  ["From", "detail-from"],
  ["Browser", "detail-browser"],
  ["Time", "detail-time"],
  ["Action", "detail-action"],
  ["Application", "detail-application"],
]);

/**
 * @param {Request} request
 * @param {object} around
 * @param {readonly Key[]} around.keys
 * @param {number} around.more - how many others wait.
 * @param {boolean} around.denies - the person chose to deny it before they came here.
 * @param {() => boolean} around.isCurrent
 * @param {() => void} around.answered - its outcome is shown.
 * @param {() => void} around.next - the person goes on.
 */
export function showRequest(request, { keys, more, denies, isCurrent, answered, next }) {
  const left = element("span", { class: "figure", role: "timer" });
  const approve = /** @type {HTMLButtonElement} */ (button(word("approve"), () => void answer("approve"), "approve"));
  const deny = /** @type {HTMLButtonElement} */ (button(word("deny"), () => askWhy(), "deny"));
  for (const each of [approve, deny]) each.disabled = true;
  showState(
    "request",
    request.message,
    request.code === null ? null : codeFigures(request.code),
    detailsOf(request),
    element("p", { class: "times hint" }, ...around("ends-in", left)),
    element("div", { class: "answers" }, deny, approve),
    more > 0 ? paragraph(word("more", { count: more }), { class: "hint" }) : null,
  );
  say(request.message);
  if (denies) askWhy();
  setTimeout(() => {
    for (const each of [approve, deny]) each.disabled = false;
  }, DEAD_MS);
  const tick = setInterval(run, 500);
  run();

  function run() {
    if (!isCurrent()) return clearInterval(tick);
    const seconds = Math.max(0, Math.round((Date.parse(request.expiresAt) - Date.now()) / 1000));
    left.textContent = minutes(seconds);
    if (seconds === 0) clearInterval(tick);
  }

  function askWhy() {
    showState(
      "why",
      word("was-it-you"),
      paragraph(word("they-know")),
      element(
        "div",
        { class: "answers" },
        button(word("yes-cancel"), () => void answer("deny"), "deny"),
        button(word("no-not-me"), () => askNotMe(), "deny"),
      ),
      element(
        "p",
        {},
        button(
          word("back"),
          () => showRequest(request, { keys, more, denies: false, isCurrent, answered, next }),
          "plain",
        ),
      ),
    );
    focusTop();
  }

  function askNotMe() {
    showState(
      "not-me",
      word("lock-out-ask"),
      paragraph(word("lock-out-explain", { app: page.app })),
      element(
        "div",
        { class: "answers" },
        button(word("back"), () => askWhy(), "secondary"),
        button(word("lock-out"), () => void answer("not-me"), "deny"),
      ),
    );
    focusTop();
  }

  /** @param {"approve" | "deny" | "not-me"} decision */
  async function answer(decision) {
    for (const each of document.querySelectorAll(".answers button"))
      /** @type {HTMLButtonElement} */ (each).disabled = true;
    say(word("sending"));
    let refusal = new Refusal(401, "");
    for (const key of keys.filter(({ hash }) => !request.key || request.key === hash)) {
      try {
        const { message } = await answerRequest(key, request, decision);
        answered();
        if (message === "settled" || message === "reported") return showAnswered(decision);
        return await showEnded(request.id, next);
      } catch (error) {
        if (error instanceof NotUnlocked) {
          showRequest(request, { keys, more, denies: false, isCurrent, answered, next });
          return say(word("unlocked-not"));
        }
        refusal = /** @type {Refusal} */ (error);
        if (refusal.status !== 401) break;
      }
    }
    showNotAnswered(refusal.status);
  }

  /** @param {"approve" | "deny" | "not-me"} decision */
  function showAnswered(decision) {
    const names = {
      approve: ["approved", "other-goes-on"],
      deny: ["denied", "nobody-in"],
      "not-me": ["locked-out", "locked-out-explain"],
    }[decision];
    const [headline = "", line = ""] = names.map((name) => word(name));
    showState("answered", headline, paragraph(line), element("div", { class: "actions" }, button(word("done"), next)));
    say(headline);
    focusTop();
  }

  /** @param {number} status */
  function showNotAnswered(status) {
    answered();
    showState(
      "not-answered",
      word(status === 401 ? "cannot-answer" : "not-arrived"),
      paragraph(word(status === 401 ? "key-gone" : "answer-again")),
      element("div", { class: "actions" }, button(word("go-on"), next)),
    );
    focusTop();
  }
}

/**
 * Says what became of a request that this phone did not answer, and by whom.
 *
 * @param {string} id
 * @param {() => void} next - the person goes on.
 */
export async function showEnded(id, next) {
  const ended = await readOutcome(id).catch(() => null);
  const what = ended === null ? "" : `${ended.message} ${ended.username}`;
  const [headline, line] = endOf(ended);
  showState(
    "ended",
    headline,
    what ? paragraph(what, { class: "hint" }) : null,
    paragraph(line),
    element("div", { class: "actions" }, button(word("done"), next)),
  );
  say(headline);
  focusTop();
}

/**
 * @param {Awaited<ReturnType<typeof readOutcome>> | null} ended
 * @returns {[headline: string, line: string]}
 */
function endOf(ended) {
  const by = ended?.by ?? null;
  const phone = by === null || by.isThis ? word("this-phone") : by.label || word("another-phone");
  switch (ended?.outcome) {
    case "approved":
      return [by === null ? word("approved") : word("approved-by", { phone }), word("other-goes-on")];
    case "denied":
      return [by === null ? word("denied") : word("denied-by", { phone }), word("nobody-in")];
    case "expired":
      return [word("ran-out"), word("ran-out-explain")];
    case "replaced":
      return [word("replaced"), word("replaced-explain")];
    case "cancelled":
      return [word("cancelled"), word("cancelled-explain")];
    default:
      return [word("over"), word("over-explain")];
  }
}

/** @param {string} code */
function codeFigures(code) {
  return element(
    "p",
    { class: "figures", "data-code": true },
    element("span", { "aria-hidden": "true" }, code),
    element("span", { class: "sr" }, word("code-aloud", { digits: [...code].join(" ") })),
  );
}

/** @param {Request} request */
function detailsOf({ details }) {
  const rows = details.filter(([name]) => name !== "Code");
  return element(
    "dl",
    { class: "details" },
    ...rows.flatMap(([name, value]) => [element("dt", {}, nameOf(name)), element("dd", {}, element("bdi", {}, value))]),
  );
}

/**
 * The name of a detail in the reader's language: what is signed has the names of the contract.
 *
 * @param {string} name
 */
function nameOf(name) {
  const known = DETAILS.get(name);
  return known ? word(known) : name;
}

/**
 * A sentence around what changes in it.
 *
 * @type {(name: string, left: HTMLElement) => (string | HTMLElement)[]}
 */
function around(name, left) {
  const [before = "", after = ""] = word(name, { left: "\n" }).split("\n");
  return [before, left, after];
}
