/** The one place of the page in which its states are written, with text alone. */

const main = /** @type {HTMLElement} */ (document.querySelector("main"));
const place = /** @type {HTMLElement} */ (document.querySelector("[data-place]"));
const statusLine = /** @type {HTMLElement} */ (document.querySelector("[data-status-line]"));
const siteTitle = document.title.replace(/^.* · /, "");

/** @typedef {string | Node | null | undefined | false} Child */

/**
 * An element. Attributes that are functions listen to the event of their name.
 *
 * @param {string} name
 * @param {Record<string, string | boolean | ((event: Event) => void)>} [attributes]
 * @param {...Child} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/**
 * Shows a state.
 *
 * @param {string} state - for the style.
 * @param {string} headline
 * @param {...Child} children
 */
export function showState(state, headline, ...children) {
  main.dataset["state"] = state;
  document.title = `${headline} · ${siteTitle}`;
  const top = element("h1", { "data-headline": true, tabindex: "-1" }, headline);
  place.replaceChildren(top, ...children.filter((child) => child !== null && child !== undefined && child !== false));
  say("");
}

/** After a step of the person's own: what reads the page aloud goes on from its top. */
export function focusTop() {
  /** @type {HTMLElement | null} */ (place.querySelector("h1"))?.focus();
}

/** @param {string} text - read aloud. */
export function say(text) {
  if (statusLine.textContent !== text) statusLine.textContent = text;
  // What the headline says already is for ears alone.
  statusLine.classList.toggle("sr", text === place.querySelector("h1")?.textContent);
}

/**
 * @param {string} label
 * @param {(event: Event) => void} pressed
 * @param {string} [kind]
 */
export function button(label, pressed, kind = "secondary") {
  return element("button", { type: "button", class: kind, click: pressed }, label);
}

/** @param {string} text */
export function paragraph(text, attributes = {}) {
  return element("p", attributes, text);
}

/** What the server wrote into the page: how this phone is called, the site, and whether approvals are unlocked. */
export const page = {
  label: main.dataset["label"] ?? "",
  app: main.dataset["app"] ?? "",
  /** "off", "preferred" or "required" */
  verification: main.dataset["verification"] ?? "off",
};
