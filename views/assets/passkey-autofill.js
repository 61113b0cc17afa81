/** Passkeys beside the field for the name: the browser offers them there, and a button asks for them where it does not. */
import { fromJson, toJson } from "./passkey-json.js";
import { askServer, Refused } from "./passkey-server.js";
import { word } from "./words.js";

/** The server's challenge lives for five minutes: an offer that stands longer is made anew. */
const ANEW_MS = 4 * 60_000;

const button = /** @type {HTMLButtonElement} */ (document.querySelector("[data-passkey=alone]"));
const { path = "", csrf = "" } = button.dataset;
const line = document.getElementById(button.dataset["saidIn"] ?? "");
/** @type {AbortController | undefined} */
let offer;

if ("credentials" in navigator && "PublicKeyCredential" in window) {
  button.classList.add("ready");
  button.addEventListener("click", () => void pressed());
  void offerBesideTheName();
}

async function offerBesideTheName() {
  const available = await PublicKeyCredential.isConditionalMediationAvailable?.().catch(() => false);
  if (!available) return;
  for (;;) {
    const mine = (offer = new AbortController());
    const anew = setTimeout(() => mine.abort(), ANEW_MS);
    try {
      const options = await askServer(`${path}/options`, csrf, {}).catch(() => null);
      // Nobody has asked for it yet: that it cannot be offered is no news.
      if (options === null) return;
      return void (await signIn(options, "conditional", mine.signal));
    } catch (error) {
      if (error instanceof Refused) say(error.message);
      // Only its own end is a reason to offer it again: the button has taken over, or this browser cannot.
      if (!mine.signal.aborted || offer !== mine) return;
    } finally {
      clearTimeout(anew);
    }
  }
}

async function pressed() {
  const before = offer;
  offer = undefined;
  before?.abort();
  button.disabled = true;
  say("");
  try {
    await signIn(await askServer(`${path}/options`, csrf, {}), "optional");
  } catch (error) {
    button.disabled = false;
    say(error instanceof Refused ? error.message : word("none-used-password"));
    void offerBesideTheName();
  }
}

/**
 * @param {any} options
 * @param {CredentialMediationRequirement} mediation
 * @param {AbortSignal} [signal]
 */
async function signIn(options, mediation, signal) {
  if (options.location) return location.assign(options.location);
  const credential = await navigator.credentials.get({
    publicKey: fromJson(options),
    mediation,
    ...(signal ? { signal } : {}),
  });
  const { location: to } = await askServer(path + query(), csrf, toJson(credential));
  location.assign(to);
}

/** Where to go on, and whether to stay signed in, as the form has them. */
function query() {
  const next = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=next]"))?.value ?? "";
  const remember = /** @type {HTMLInputElement | null} */ (document.querySelector("#remember"))?.checked;
  return `?${new URLSearchParams({ next, ...(remember ? { remember: "on" } : {}) }).toString()}`;
}

/** @param {string} text */
function say(text) {
  if (line) line.textContent = text;
}
