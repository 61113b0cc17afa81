/** Buttons that ask for a passkey: to show it, or to make one. The server says what to ask, and where to go on. */
import { askServer, Refused } from "./passkey-server.js";
import { fromJson, toJson } from "./passkey-json.js";
import { word } from "./words.js";

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-passkey]")))
  offer(button);

/** @param {HTMLButtonElement} button */
function offer(button) {
  const { passkey: does, path = "", csrf = "", saidIn = "" } = button.dataset;
  const line = document.getElementById(saidIn);
  if (!("credentials" in navigator) || !("PublicKeyCredential" in window)) return say(word("not-here"));
  button.classList.add("ready");
  button.addEventListener("click", () => void pressed());

  async function pressed() {
    button.disabled = true;
    say("");
    try {
      // Few pages make one, and each byte of the waiting page counts.
      const ask = does === "make" ? (await import("./passkey-making.js")).make : use;
      location.assign(await ask(path, csrf));
    } catch (error) {
      button.disabled = false;
      say(wordsFor(error, does === "make"));
    }
  }

  /** @param {string} text */
  function say(text) {
    if (line) line.textContent = text;
  }
}

/**
 * @param {string} path
 * @param {string} csrf
 * @returns {Promise<string>} where to go on.
 */
async function use(path, csrf) {
  const options = await askServer(`${path}/options`, csrf, {});
  if (options.location) return options.location;
  const credential = await navigator.credentials.get({ publicKey: fromJson(options) });
  return (await askServer(path, csrf, toJson(credential))).location;
}

/** @type {(error: unknown, makes: boolean) => string} */
function wordsFor(error, makes) {
  if (error instanceof Refused) return error.message;
  const { name } = /** @type {{ name?: string }} */ (error ?? {});
  if (name === "InvalidStateError" && makes) return word("made-before");
  // The person closed the browser's question, waited too long, or has no passkey that fits: nothing was done.
  return word(makes ? "none-made" : "none-used");
}
