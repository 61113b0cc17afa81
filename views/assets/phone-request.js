/** One request, and what the person says to it. */
import { minutes } from "./countdown.js";
import { NotUnlocked } from "./phone-lock.js";
import { button, element, focusTop, page, paragraph, say, showState } from "./phone-place.js";
import { answerRequest, readOutcome, Refusal } from "./phone-server.js";

/** @typedef {import("./phone-keys.js").Key} Key */
/** @typedef {import("./phone-server.js").Request} Request */

/** A tap that was meant for what stood here before must hit nothing. */
const DEAD_MS = 700;

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
  const approve = /** @type {HTMLButtonElement} */ (button("Approve", () => void answer("approve"), "approve"));
  const deny = /** @type {HTMLButtonElement} */ (button("Deny", () => askWhy(), "deny"));
  for (const each of [approve, deny]) each.disabled = true;
  showState(
    "request",
    request.message,
    request.code === null ? null : codeFigures(request.code),
    detailsOf(request),
    element("p", { class: "times hint" }, "Ends in ", left, "."),
    element("div", { class: "answers" }, deny, approve),
    more > 0 ? paragraph(more === 1 ? "One more waits." : `${more} more wait.`, { class: "hint" }) : null,
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
      "Was it you?",
      paragraph("If somebody else tries to sign in, they have your password."),
      element(
        "div",
        { class: "answers" },
        button("Yes, cancel it", () => void answer("deny"), "deny"),
        button("No, this was not me", () => askNotMe(), "deny"),
      ),
      element(
        "p",
        {},
        button("Back", () => showRequest(request, { keys, more, denies: false, isCurrent, answered, next }), "plain"),
      ),
    );
    focusTop();
  }

  function askNotMe() {
    showState(
      "not-me",
      "Lock them out?",
      paragraph(`${page.app} ends all sessions of this account now, and asks for a new password at the next sign-in.`),
      element(
        "div",
        { class: "answers" },
        button("Back", () => askWhy(), "secondary"),
        button("Lock them out", () => void answer("not-me"), "deny"),
      ),
    );
    focusTop();
  }

  /** @param {"approve" | "deny" | "not-me"} decision */
  async function answer(decision) {
    for (const each of document.querySelectorAll(".answers button"))
      /** @type {HTMLButtonElement} */ (each).disabled = true;
    say("Sending your answer…");
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
          return say("It was not unlocked, so nothing was sent.");
        }
        refusal = /** @type {Refusal} */ (error);
        if (refusal.status !== 401) break;
      }
    }
    showNotAnswered(refusal.status);
  }

  /** @param {"approve" | "deny" | "not-me"} decision */
  function showAnswered(decision) {
    const [headline = "", line = ""] = {
      approve: ["Approved", "The other screen goes on by itself."],
      deny: ["Denied", "Nobody was signed in."],
      "not-me": ["They are locked out", "All sessions have ended. Choose a new password at your next sign-in."],
    }[decision];
    showState("answered", headline, paragraph(line), element("div", { class: "actions" }, button("Done", next)));
    say(headline);
    focusTop();
  }

  /** @param {number} status */
  function showNotAnswered(status) {
    answered();
    showState(
      "not-answered",
      status === 401 ? "This phone can no longer answer" : "Your answer did not arrive",
      paragraph(
        status === 401
          ? "It was removed from the account, or its key is gone."
          : "Nothing was kept: when you are back online, answer again.",
      ),
      element("div", { class: "actions" }, button("Go on", next)),
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
    element("div", { class: "actions" }, button("Done", next)),
  );
  say(headline);
  focusTop();
}

/**
 * @param {Awaited<ReturnType<typeof readOutcome>> | null} ended
 * @returns {[headline: string, line: string]}
 */
function endOf(ended) {
  const where = ended?.by ? `on ${ended.by.isThis ? "this phone" : ended.by.label || "another phone"}` : "";
  switch (ended?.outcome) {
    case "approved":
      return [`Approved ${where}`, "The other screen goes on by itself."];
    case "denied":
      return [`Denied ${where}`, "Nobody was signed in."];
    case "expired":
      return ["The request ran out", "Nobody answered in time, and nobody was signed in."];
    case "replaced":
      return ["Replaced by a newer request", "Only the newest one counts."];
    case "cancelled":
      return ["Cancelled", "Whoever asked needs no answer any more."];
    default:
      return ["This request is over", "It ran out, or it was answered elsewhere."];
  }
}

/** @param {string} code */
function codeFigures(code) {
  return element(
    "p",
    { class: "figures", "data-code": true },
    element("span", { "aria-hidden": "true" }, code),
    element("span", { class: "sr" }, `Code: ${[...code].join(" ")}`),
  );
}

/** @param {Request} request */
function detailsOf({ details }) {
  const rows = details.filter(([name]) => name !== "Code");
  return element(
    "dl",
    { class: "details" },
    ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}
