import { clockTime } from "./clock.js";
import { element } from "./element.js";

/** One message: to whom, about what, and its text with the link that stands in it. */
export class MailLine {
  constructor({ to, subject, text, at }) {
    const link = /https?:\/\/\S+\/[\w-]{43}(?=\s|$)/.exec(text)?.[0];
    const follow = { href: link ?? "", target: "_blank", rel: "noopener", textContent: "Follow the link" };
    this.element = element(
      "li",
      {},
      element(
        "details",
        {},
        element(
          "summary",
          {},
          element("time", { dateTime: at, textContent: clockTime(at) }),
          ` ${to}: `,
          element("strong", { textContent: subject }),
        ),
        element("pre", { tabIndex: 0, textContent: text }),
        ...(link === undefined ? [] : [element("p", {}, element("a", follow))]),
      ),
    );
  }

  update() {
    // A message never changes.
  }
}
