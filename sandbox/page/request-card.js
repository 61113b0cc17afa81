import { clockTime, countdown, sandboxNow, secondsUntil } from "./clock.js";
import { element, write } from "./element.js";
import { send } from "./send.js";

/** A pending request: message, details, what is left of its time, Approve and Deny. */
export class RequestCard {
  #request;
  #time = element("p", { className: "left" });
  #bar = element("div", { className: "bar", "aria-hidden": "true" });
  #problem = element("p", { className: "problem", role: "alert" });
  #buttons;

  constructor(request, accountName) {
    this.#request = request;
    const title = element("h3", { id: `request-${request.uuid}`, textContent: request.message });
    this.#buttons = [this.#button("approve", "Approve", "go"), this.#button("deny", "Deny", "no")];
    this.element = element(
      "li",
      { className: "request" },
      element(
        "article",
        { "aria-labelledby": title.id },
        element(
          "p",
          { className: "from" },
          picture(request, accountName),
          element("span", { textContent: accountName }),
        ),
        title,
        detailList(request.details),
        this.#time,
        this.#bar,
        element("div", { className: "row" }, ...this.#buttons),
        this.#problem,
      ),
    );
    this.tick();
  }

  update(request) {
    this.#request = request;
  }

  /** Counts down; called several times a second. */
  tick() {
    const { expires_at: end, created_at: start } = this.#request;
    if (end === null) return write(this.#time, "Stays until you answer.");
    write(this.#time, `Ends in ${countdown(secondsUntil(end))}`);
    const share = (Date.parse(end) - sandboxNow()) / (Date.parse(end) - Date.parse(start));
    this.#bar.style.setProperty("--share", String(Math.min(1, Math.max(0, share))));
  }

  #button(action, label, className) {
    const { uuid, message } = this.#request;
    const button = element("button", {
      type: "button",
      className,
      textContent: label,
      "aria-describedby": `request-${uuid}`,
    });
    button.title = `${label}: ${message}`;
    button.addEventListener("click", async () => {
      for (const each of this.#buttons) each.disabled = true;
      try {
        await send("POST", `/phone/requests/${uuid}`, { action });
      } catch (error) {
        this.#problem.textContent = error.message;
        for (const each of this.#buttons) each.disabled = false;
      }
    });
    return button;
  }
}

/** An answered or expired request, one line of the history. */
export class PastRequest {
  #status = element("span");

  constructor(request) {
    this.element = element(
      "li",
      {},
      this.#status,
      element("span", { className: "what", textContent: request.message }),
      element("time", { dateTime: request.created_at, textContent: clockTime(request.created_at) }),
    );
    this.update(request);
  }

  update({ status }) {
    write(this.#status, { approved: "Approved", denied: "Denied", expired: "Ran out" }[status] ?? status);
    this.#status.className = `status ${status}`;
  }
}

function picture(request, accountName) {
  const initial = element("span", {
    className: "logo",
    "aria-hidden": "true",
    textContent: accountName.slice(0, 1).toUpperCase(),
  });
  if (request.logo === null) return initial;
  const image = element("img", { className: "logo", alt: "", referrerPolicy: "no-referrer", src: request.logo });
  image.addEventListener("error", () => image.replaceWith(initial));
  return image;
}

function detailList(details) {
  const list = element("dl");
  for (const [name, value] of Object.entries(details))
    list.append(element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })));
  return list;
}
