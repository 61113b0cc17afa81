import Bowser from "bowser";

import { type Origin } from "../domain/deps.js";
import { plainText } from "../domain/push-text.js";
import { type Context } from "./context.js";

/** Where a request comes from: the address that the trusted proxies vouch for, and the browser in plain words. */
export function originOf(ctx: Context): Origin {
  return { address: addressOf(ctx), browserLabel: browserLabel(ctx.get("User-Agent")) };
}

function addressOf(ctx: Context): string {
  return plainText(ctx.ip.replace(/^::ffff:/, ""), 45) || "unknown";
}

/** "Firefox on Linux": the agent's own text never reaches a phone or a page. */
export function browserLabel(userAgent: string): string {
  // Bowser throws on an empty text.
  const agent = Bowser.parse(userAgent.slice(0, 512) || "unknown");
  const name = plainText(agent.browser.name ?? "", 40) || "A browser";
  const system = plainText(agent.os.name ?? "", 40);
  return system === "" ? name : `${name} on ${system}`;
}
