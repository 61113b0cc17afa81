import { BlockList, isIPv4, isIPv6 } from "node:net";

/**
 * The one form in which an address is counted, shown and kept, however a proxy or the system writes it: without port,
 * brackets, quotes and zone, in lower case and shortest form, an IPv4 address inside an IPv6 one as IPv4.
 *
 * @returns the address; "unknown" for a text that is none.
 */
export function plainAddress(text: string): string {
  const bare = text.trim().replaceAll('"', "");
  const inBrackets = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(bare)?.[1];
  return plainForm(inBrackets ?? bare) ?? plainForm(bare.replace(/:\d{1,5}$/, "")) ?? "unknown";
}

function plainForm(text: string): string | null {
  if (isIPv4(text)) return text;
  // A link-local address names its interface after a percent sign: that says where we heard it, not who it is.
  const [withoutZone = ""] = text.split("%");
  if (!isIPv6(withoutZone)) return null;
  const shortest = new URL(`http://[${withoutZone}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(shortest) ?? [];
  if (high === undefined || low === undefined) return shortest;
  return [high, low]
    .map((group) => parseInt(group, 16))
    .flatMap((sixteenBits) => [sixteenBits >> 8, sixteenBits & 255])
    .join(".");
}

const PRIVATE = new BlockList();
for (const [network, bits] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  PRIVATE.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  PRIVATE.addSubnet(network, bits, "ipv6");

/** Whether an address in its plain form is of this machine or of a network of our own, as a reverse proxy's mostly is. */
export function isPrivateAddress(address: string): boolean {
  if (isIPv4(address)) return PRIVATE.check(address, "ipv4");
  return isIPv6(address) && PRIVATE.check(address, "ipv6");
}
