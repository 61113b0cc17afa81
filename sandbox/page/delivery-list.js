import { clockTime } from "./clock.js";
import { element, write } from "./element.js";
import { send } from "./send.js";

/** One callback or webhook delivery: what was sent, what came back, how long it took. */
export class DeliveryLine {
  #result = element("span", { className: "status" });
  #more = element("pre", { tabIndex: 0 });
  #details;
  #id;

  constructor(delivery) {
    this.#id = delivery.id;
    const kind = delivery.kind === "onetouch" ? "Callback" : "Webhook";
    const fault = delivery.fault === "deliver" ? "" : `, ${delivery.fault}`;
    const again = delivery.replay_of === null ? "" : ", again";
    const replay = element("button", {
      type: "button",
      className: "quiet",
      textContent: "Replay",
      "aria-label": `Replay ${kind} of ${clockTime(delivery.created_at)}`,
    });
    replay.addEventListener("click", () => {
      send("POST", `/deliveries/${this.#id}/replay`).catch((error) => write(this.#result, error.message));
    });
    this.#details = element("details", {}, element("summary", { textContent: "Request and answer" }), this.#more);
    this.#details.addEventListener("toggle", () => this.#load());
    this.element = element(
      "li",
      {},
      element(
        "div",
        { className: "line" },
        element("time", { dateTime: delivery.created_at, textContent: clockTime(delivery.created_at) }),
        element("span", { className: "what", textContent: `${kind}${fault}${again}` }),
        this.#result,
        replay,
      ),
      this.#details,
    );
  }

  update({ state, status, duration_ms: took, error, attempts }) {
    const outcome = {
      waiting: "on its way",
      dropped: "dropped",
      delivered: String(status),
      failed: error ?? String(status),
    }[state];
    const tries = attempts > 1 ? `, ${attempts} tries` : "";
    write(this.#result, took === null ? outcome : `${outcome} in ${took} ms${tries}`);
    this.#result.className = `status ${state}`;
    if (this.#details.open) void this.#load();
  }

  async #load() {
    if (!this.#details.open) return;
    const response = await fetch(`/deliveries/${this.#id}`);
    write(this.#more, response.ok ? JSON.stringify(await response.json(), null, 2) : "Forgotten.");
  }
}
