import { judgePassword } from "./password-strength.js";
import { word } from "./words.js";

/** After this long without a new page, a form may be sent again: the person may have pressed Stop. */
const SEND_AGAIN_AFTER_MS = 8000;

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("form[data-once]")))
  sendOnce(form);
for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-reveal]")))
  offerToShow(button);
for (const line of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-strength]")))
  sayStrength(line);
for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-retry-in]")))
  countDown(place);
for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("[data-summary] a")))
  leadToField(link);

// Back button: a page out of the cache shows its form ready, not as it was when it was sent.
window.addEventListener("pageshow", (event) => {
  if (event.persisted)
    document.querySelectorAll("form[data-sent]").forEach((form) => ready(/** @type {HTMLFormElement} */ (form)));
});

/** @param {HTMLFormElement} form */
function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset["sent"]) return event.preventDefault();
    form.dataset["sent"] = "yes";
    const button = form.querySelector("button:not([type=button])");
    if (button instanceof HTMLButtonElement && button.dataset["busy"]) {
      button.dataset["said"] = button.textContent;
      button.textContent = button.dataset["busy"];
    }
    button?.setAttribute("aria-disabled", "true");
    setTimeout(() => ready(form), SEND_AGAIN_AFTER_MS);
  });
}

/** @param {HTMLFormElement} form */
function ready(form) {
  delete form.dataset["sent"];
  const button = form.querySelector("button[aria-disabled]");
  if (!(button instanceof HTMLButtonElement)) return;
  button.removeAttribute("aria-disabled");
  if (button.dataset["said"]) button.textContent = button.dataset["said"];
}

/** @param {HTMLButtonElement} button */
function offerToShow(button) {
  const input = field(button.dataset["reveal"]);
  if (!input) return;
  const label = button.firstChild?.textContent ?? "";
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form?.addEventListener("submit", () => show(false)); // browsers keep what stood in a text field

  /** @param {boolean} plain */
  function show(plain) {
    if (!input) return;
    input.type = plain ? "text" : "password";
    button.setAttribute("aria-pressed", String(plain));
    const word = button.firstChild;
    if (word) word.textContent = (plain ? button.dataset["hide"] : label) ?? "";
  }
}

/** @param {HTMLElement} line */
function sayStrength(line) {
  const input = field(line.dataset["strength"]);
  if (!input) return;
  const own = ["username", "email"].map((name) => field(name));
  input.addEventListener("input", () => {
    const words = own.flatMap((other) => (other ? [other.value, other.value.replace(/@.*/, "")] : []));
    const judged = judgePassword(input.value, Number(input.dataset["minLength"]), words);
    line.textContent = judged.says && word(judged.says, { count: judged.count ?? 0 });
    line.classList.toggle("good", judged.good);
  });
}

/** @param {HTMLElement} place */
function countDown(place) {
  const end = Date.now() + 1000 * Number(place.dataset["retryIn"]);
  const timer = setInterval(() => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    place.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left === 0) clearInterval(timer);
  }, 500);
}

/** @param {HTMLAnchorElement} link */
function leadToField(link) {
  link.addEventListener("click", (event) => {
    const input = field(link.hash.slice(1));
    if (!input) return;
    event.preventDefault();
    input.focus();
  });
}

/**
 * @param {string | undefined} id
 * @returns {HTMLInputElement | undefined}
 */
function field(id) {
  const found = id ? document.getElementById(id) : null;
  return found instanceof HTMLInputElement ? found : undefined;
}
