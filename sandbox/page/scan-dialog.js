import { element } from "./element.js";
import { cameraIsThere, readCamera, readPicture } from "./qr-reader.js";
import { send } from "./send.js";

const find = (id) => document.getElementById(id);

/** The scanner: by camera, by picture, by text, or by a link that asks first. */
export class ScanDialog {
  #dialog = find("scan");
  #text = find("scan-text");
  #problem = find("scan-problem");
  #phone = find("scan-phone");
  #search = null;
  #phones = [];
  #done;

  /** @param done - called with the id of the phone that got the account */
  constructor(done) {
    this.#done = done;
    find("scan-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#add(this.#text.value);
    });
    find("scan-cancel").addEventListener("click", () => this.#dialog.close());
    find("camera-start").addEventListener("click", () => void this.#look());
    find("camera-stop").addEventListener("click", () => this.#stopLooking());
    find("scan-file").addEventListener("change", (event) => void this.#picture(event.target.files[0]));
    this.#dialog.addEventListener("close", () => this.#stopLooking());
    this.#dialog.addEventListener("paste", (event) => {
      const [picture] = event.clipboardData.files;
      if (picture === undefined) return;
      event.preventDefault();
      void this.#picture(picture);
    });
    if (!cameraIsThere()) {
      find("camera-start").hidden = true;
      find("camera-note").hidden = false;
      find("camera-note").textContent =
        "Browsers give the camera to https and localhost only. Take a picture of the code instead.";
    }
  }

  setPhones(phones) {
    this.#phones = phones;
  }

  /** @param {string | null} phoneId - the phone to scan with; null: a new one */
  open(phoneId) {
    this.#show(phoneId, "", null);
    find(cameraIsThere() ? "camera-start" : "scan-text").focus();
  }

  /** The text came with a link: nothing happens before somebody confirms. */
  openLink(text, phoneId) {
    this.#show(phoneId, text, accountIn(text));
    find("scan-add").focus();
  }

  #show(phoneId, text, account) {
    this.#phone.replaceChildren(
      ...this.#phones.map(({ id, name, number }) =>
        element("option", { value: id, textContent: `${name}, ${number}` }),
      ),
      element("option", { value: "", textContent: "A new phone" }),
    );
    this.#phone.value = this.#phones.some(({ id }) => id === phoneId) ? phoneId : "";
    this.#text.value = text;
    this.#problem.textContent = "";
    find("scan-file").value = "";
    find("link-note").hidden = account === null;
    find("scan-ways").hidden = account !== null;
    find("link-account").textContent = account ?? "";
    this.#dialog.showModal();
  }

  async #add(text) {
    if (text.trim() === "") {
      this.#problem.textContent = "There is no code yet: use the camera, choose a picture, or paste the text.";
      return;
    }
    try {
      const answer = await send("POST", "/phone/scan", {
        url: text,
        ...(this.#phone.value === "" ? {} : { phone: this.#phone.value }),
      });
      this.#dialog.close();
      this.#done(answer.phone.id);
    } catch (error) {
      this.#problem.textContent = error.message;
    }
  }

  async #picture(file) {
    if (file === undefined) return;
    this.#problem.textContent = "";
    try {
      this.#text.value = await readPicture(file);
      await this.#add(this.#text.value);
    } catch (error) {
      this.#problem.textContent = error.message;
    }
  }

  async #look() {
    this.#stopLooking();
    const search = (this.#search = new AbortController());
    find("camera").hidden = false;
    find("camera-start").hidden = true;
    try {
      const text = await readCamera(find("camera-picture"), search.signal);
      if (text !== null) await this.#add((this.#text.value = text));
    } catch (error) {
      this.#problem.textContent = error.message;
    } finally {
      if (this.#search === search) this.#stopLooking();
    }
  }

  #stopLooking() {
    this.#search?.abort();
    this.#search = null;
    find("camera").hidden = true;
    find("camera-start").hidden = !cameraIsThere();
  }
}

/** The application that the code claims to be from. Not verified yet, so it is only shown. */
function accountIn(text) {
  try {
    const [, payload] = (/[?&]token=([^&#\s]+)/.exec(text)?.[1] ?? text).split(".");
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (letter) =>
      letter.charCodeAt(0),
    );
    return String(JSON.parse(new TextDecoder().decode(bytes)).iss);
  } catch {
    return "of an unknown application";
  }
}
