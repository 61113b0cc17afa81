import { clockTime, sandboxNow, secondsUntil } from "./clock.js";
import { element, keepInStep, write } from "./element.js";
import { PastRequest, RequestCard } from "./request-card.js";
import { send } from "./send.js";

/** One phone: its accounts and code, what is asked of it, what it was asked before, its messages. */
export class PhoneCard {
  #phone;
  #clock = element("span");
  #number = element("span");
  #name = element("h2");
  #menu;
  #renaming = element("input", { type: "text", maxLength: 60, required: true, autocomplete: "off" });
  #install = element("button", { type: "button", className: "quiet" });
  #problem = element("p", { className: "problem", role: "alert" });
  #requests = element("ul", { className: "requests", "aria-label": "Requests" });
  #note = element("p", { className: "hint" });
  #accounts = element("ul", { className: "accounts", "aria-label": "Accounts" });
  #code = element("p", { className: "code" });
  #codeLeft = element("p", { className: "left" });
  #codeBar = element("div", { className: "bar", "aria-hidden": "true" });
  #codeBlock;
  #messages = element("ul", { className: "messages", "aria-label": "Messages" });
  #history = element("ul", { className: "history" });
  #past = element(
    "details",
    { className: "past" },
    element("summary", { textContent: "Earlier requests" }),
    this.#history,
  );

  /** @param scan - opens the scanner for this phone */
  constructor(phone, scan) {
    this.#name.id = `phone-${phone.id}`;
    this.#codeBlock = element(
      "div",
      { className: "code-block", role: "group", "aria-label": "Code" },
      this.#code,
      this.#codeLeft,
      this.#codeBar,
    );
    this.#menu = this.#makeMenu(phone);
    const scanButton = element("button", {
      type: "button",
      className: "quiet",
      textContent: "Scan a code with this phone",
    });
    scanButton.addEventListener("click", () => scan(this.#phone.id));
    this.element = element(
      "article",
      { className: "phone", "aria-labelledby": this.#name.id },
      element("div", { className: "status-bar" }, this.#clock, this.#number),
      element("div", { className: "head" }, this.#name, this.#menu),
      this.#problem,
      this.#requests,
      this.#note,
      this.#accounts,
      this.#codeBlock,
      this.#messages,
      this.#past,
      element("div", { className: "foot" }, scanButton),
    );
  }

  /** @param {{ phone: object, requests: object[] }} shown - the phone and the requests sent to it, newest first */
  update({ phone, requests }) {
    this.#phone = phone;
    write(this.#name, phone.name);
    write(this.#number, phone.number);
    const accountName = phone.accounts.at(-1)?.name ?? "An application";
    const key = (request) => request.uuid;
    const pending = requests.filter((request) => request.status === "pending");
    const past = requests.filter((request) => request.status !== "pending").slice(0, 20);
    keepInStep(this.#requests, pending, { key, make: (request) => new RequestCard(request, accountName) });
    keepInStep(this.#history, past, { key, make: (request) => new PastRequest(request) });
    keepInStep(this.#accounts, phone.accounts, {
      key: (account) => `${account.name} ${account.custom_user_id}`,
      make: accountLine,
    });
    keepInStep(this.#messages, phone.messages, { key: (message) => message.id, make: messageLine });
    this.#past.hidden = past.length === 0;
    this.#codeBlock.hidden = phone.code === null;
    if (phone.code !== null) write(this.#code, `${phone.code.slice(0, 3)} ${phone.code.slice(3)}`);
    write(this.#note, noteOf(phone));
    this.#note.hidden = this.#note.textContent === "";
    write(this.#install, phone.installed ? "Remove the Authy app" : "Install the Authy app");
    this.tick();
  }

  /** Moves the clock and the countdowns; called several times a second. */
  tick() {
    write(this.#clock, clockTime(sandboxNow()));
    const { code_ends_at: end, code_seconds: whole } = this.#phone;
    write(this.#codeLeft, `Changes in ${secondsUntil(end)} s`);
    this.#codeBar.style.setProperty("--share", String(Math.max(0, (Date.parse(end) - sandboxNow()) / 1000 / whole)));
    for (const card of this.#requests.parts?.values() ?? []) card.tick();
  }

  #makeMenu(phone) {
    const rename = element(
      "form",
      { className: "rename" },
      label("Name", this.#renaming),
      element("button", { className: "quiet", textContent: "Save" }),
    );
    const menu = element(
      "details",
      { className: "menu" },
      element("summary", { textContent: "Options" }),
      element(
        "div",
        { className: "sheet" },
        rename,
        element("a", { href: `/?phone=${phone.id}`, textContent: "This phone alone" }),
        this.#install,
        this.#action("Throw this phone away", "no", () => send("DELETE", `/phone/phones/${phone.id}`)),
      ),
    );
    menu.addEventListener("toggle", () => {
      if (menu.open) this.#renaming.value = this.#phone.name;
    });
    rename.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#change({ name: this.#renaming.value });
    });
    this.#install.addEventListener("click", () => this.#change({ installed: !this.#phone.installed }));
    return menu;
  }

  #action(text, className, act) {
    const button = element("button", { type: "button", className, textContent: text });
    button.addEventListener("click", () => this.#try(act));
    return button;
  }

  #change(change) {
    return this.#try(() => send("PUT", `/phone/phones/${this.#phone.id}`, change));
  }

  async #try(act) {
    this.#problem.textContent = "";
    try {
      await act();
      this.#menu.open = false;
    } catch (error) {
      this.#problem.textContent = error.message;
    }
  }
}

const label = (text, field) => element("label", { textContent: text }, field);

function accountLine(account) {
  const since = element("time", { dateTime: account.since, textContent: `since ${clockTime(account.since)}` });
  return {
    element: element("li", {}, element("span", { className: "what", textContent: account.name }), since),
    update() {},
  };
}

function messageLine(message) {
  const kind = { sms: "Text message", call: "Voice call", email: "Mail" }[message.channel];
  return {
    element: element(
      "li",
      {},
      element("span", { className: "status", textContent: kind }),
      element("span", { className: "what", textContent: message.text }),
      element("time", { dateTime: message.at, textContent: clockTime(message.at) }),
    ),
    update() {},
  };
}

function noteOf(phone) {
  if (!phone.installed) return "The Authy app is not on this phone: no requests, no codes. Texts and calls arrive.";
  return phone.accounts.length === 0 ? "No account yet. Scan the QR code that an application shows." : "";
}
