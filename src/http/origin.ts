import { isIPv6 } from "node:net";
import Bowser from "bowser";

import type { Origin } from "../domain/deps.js";
import { plainText } from "../domain/push-text.js";
import { UNKNOWN_BROWSER } from "./browser-words.js";
import { plainAddress } from "./client-address.js";
import type { Context } from "./context.js";

/** Where a request comes from: its address, and the browser in plain words, which take a while to find. */
export function originOf(ctx: Context): Origin {
  return { address: addressOf(ctx), browserLabel: browserLabel(ctx.get("User-Agent")) };
}

/** The address that the trusted proxies vouch for. */
export function addressOf(ctx: Context): string {
  return plainAddress(ctx.ip);
}

/** What limits count by: an IPv4 address, or the /64 of an IPv6 one, since whoever has one address there has them all. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = plainAddress(address).split("::");
  const groups = (text: string | undefined): string[] => (text === undefined || text === "" ? [] : text.split(":"));
  const [front, back] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => "0");
  return `${[...front, ...zeros, ...back].slice(0, 4).join(":")}::/64`;
}

/** "Firefox on Linux": the agent's own text never reaches a phone or a page. */
export function browserLabel(userAgent: string): string {
  // Bowser throws on an empty text.
  const agent = Bowser.parse(userAgent.slice(0, 512) || "unknown");
  const name = plainText(agent.browser.name ?? "", 40) || UNKNOWN_BROWSER;
  const system = plainText(agent.os.name ?? "", 40);
  return system === "" ? name : `${name} on ${system}`;
}
