import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Where no push service can be: this machine, this network, and addresses that are no host's. */
const IPV4 = [
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // carrier-grade NAT
  "127.0.0.0/8", // loopback
  "169.254.0.0/16", // link-local, where clouds keep their metadata
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relays
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
];
/** Within global unicast: what leads elsewhere, or is no host's. */
const IPV6 = [
  "2001::/23", // protocol assignments, Teredo among them
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which carries any IPv4 address
  "3fff::/20", // documentation
];

function blockList(subnets: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = "", prefix] = subnet.split("/");
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}

const blockedIPv4 = blockList(IPV4, "ipv4");
const globalIPv6 = blockList(["2000::/3"], "ipv6");
const blockedIPv6 = blockList(IPV6, "ipv6");

/**
 * True for an address of a host on the public internet. IPv6 outside global unicast is none: loopback, link-local,
 * unique local, multicast, and every form that carries an IPv4 address.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !blockedIPv4.check(address, "ipv4");
  return family === 6 && globalIPv6.check(address, "ipv6") && !blockedIPv6.check(address, "ipv6");
}

/** A name that leads to an address of this machine, this network, or nobody. */
export class PrivateAddress extends Error {
  readonly code = "PRIVATE_ADDRESS";
}

/**
 * Looks a name up for a connection, and gives nothing when any of its addresses is not public. What was checked here is
 * what is connected to: there is no second look-up between the two.
 */
export const lookupPublic: LookupFunction = (hostname, options, answer) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) {
      answer(error, "", 0);
      return;
    }
    const [first] = found;
    if (first === undefined || !found.every(({ address }) => isPublicAddress(address))) {
      answer(new PrivateAddress("the name leads to an address that is not public"), "", 0);
      return;
    }
    if (options.all === true) answer(null, found);
    else answer(null, first.address, first.family);
  });
};
