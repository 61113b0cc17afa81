import type { ConnectionOptions } from "node:tls";
import type { RedisOptions } from "ioredis";

/** An address that cannot be used; the message is a sentence for the operator and never contains the address. */
export class WrongRedisAddress extends Error {}

/** How one connection is made. Of a Cluster `nodes` are some of its servers, which tell of the others; the rest is for each of them. */
export interface RedisAddress extends RedisOptions {
  readonly nodes?: readonly { readonly host: string; readonly port: number }[];
}

const FORMS =
  "must begin with redis://, rediss://, redis+sentinel://, redis+cluster:// (or rediss+…), or be the path of a unix socket";
const CLUSTER =
  "cannot be read as redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT; a Cluster has no database's number";
const SENTINELS = "cannot be read as redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME/DATABASE";
const SENTINELS_PORT = 26_379;
const SERVERS_PORT = 6379;
const ENCODED = "in a user name or password write # as %23, / as %2F, ? as %3F, @ as %40 and % as %25";
const UNREADABLE = `cannot be read as redis://USER:PASSWORD@HOST:PORT/DATABASE; ${ENCODED}`;
const DATABASE = `has something other than a database's number after the host, where /1 means database 1; ${ENCODED}`;
const ANY_FAMILY = 0;

/**
 * Reads `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, the same with `rediss://`, and the path of a unix socket with
 * or without `unix:` before it, where `?db=`, `?username=` and `?password=` may follow. User names and passwords are
 * percent-encoded. `redis+sentinel://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…]/NAME[/DATABASE]` names Sentinels, which know
 * where the primary of that name is. `redis+cluster://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…]` names servers of a Cluster.
 *
 * @param authority - For `rediss://`: certificates (PEM) that are trusted in place of the system's.
 * @param isVerified - For `rediss://`: false takes any certificate.
 * @throws WrongRedisAddress
 */
export function redisAddress(text: string, authority?: string, isVerified = true): RedisAddress {
  const socket = /^(?:unix:(?:\/\/)?)?(\/(?!\/)[^?]*)(?:\?(.*))?$/s.exec(text);
  if (socket !== null) {
    const [, path = "", query = ""] = socket;
    return { path, ...socketOptions(new URLSearchParams(query)) };
  }
  if (/^rediss?\+sentinel:\/\//i.test(text)) return sentinelOptions(text, trusting(authority, isVerified));
  if (/^rediss?\+cluster:\/\//i.test(text)) return clusterOptions(text, trusting(authority, isVerified));
  if (!/^rediss?:\/\//i.test(text)) throw new WrongRedisAddress(FORMS);
  if (!URL.canParse(text) || /\s/.test(text)) throw new WrongRedisAddress(UNREADABLE);
  const url = new URL(text);
  if (url.hash !== "") throw new WrongRedisAddress(UNREADABLE);
  if (url.hostname === "") throw new WrongRedisAddress("names no host");
  const isEncrypted = url.protocol === "rediss:";
  return {
    // In brackets an IPv6 address is no name that can be looked up.
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? SERVERS_PORT : Number(url.port),
    db: database(url.pathname.replace(/^\//, "")),
    family: family(url.searchParams),
    ...credentials(decoded(url.username), decoded(url.password)),
    ...(isEncrypted ? { tls: trusting(authority, isVerified) } : {}),
  };
}

function trusting(authority: string | undefined, isVerified: boolean): ConnectionOptions {
  if (!isVerified) return { rejectUnauthorized: false };
  return authority === undefined ? {} : { ca: authority };
}

/** User name and password are those of the servers; `?sentinel_password=` is the Sentinels' own. */
function sentinelOptions(text: string, tls: ConnectionOptions): RedisOptions {
  const [, scheme = "", who = "", places = "", path = "", query = ""] =
    /^(rediss?)\+sentinel:\/\/(?:([^@\s]*)@)?([^/?#@\s]*)\/?([^?#@\s]*)(?:\?([^#\s]*))?$/i.exec(text) ?? [];
  const sentinels = serversIn(places, SENTINELS_PORT, SENTINELS);
  const [name = "", number = "", ...more] = path.split("/");
  if (name === "" || more.length > 0) throw new WrongRedisAddress(`${SENTINELS}: NAME is what they call the primary`);
  const given = new URLSearchParams(query);
  onlyKnown(given, ["sentinel_password"]);
  const sentinelPassword = given.get("sentinel_password");
  const [username = "", ...password] = who.split(":");
  const isEncrypted = scheme.toLowerCase() === "rediss";
  return {
    sentinels,
    name: decoded(name),
    db: database(number),
    family: ANY_FAMILY,
    ...credentials(decoded(username), decoded(password.join(":"))),
    ...(sentinelPassword === null ? {} : { sentinelPassword }),
    ...(isEncrypted ? { tls, sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
  };
}

function clusterOptions(text: string, tls: ConnectionOptions): RedisAddress {
  const [, scheme = "", who = "", places = ""] =
    /^(rediss?)\+cluster:\/\/(?:([^@\s]*)@)?([^/?#@\s]*)\/?$/i.exec(text) ?? [];
  const [username = "", ...password] = who.split(":");
  return {
    nodes: serversIn(places, SERVERS_PORT, CLUSTER),
    family: ANY_FAMILY,
    ...credentials(decoded(username), decoded(password.join(":"))),
    ...(scheme.toLowerCase() === "rediss" ? { tls } : {}),
  };
}

/** @throws WrongRedisAddress with `problem` when one of them is no server. */
function serversIn(places: string, port: number, problem: string): { host: string; port: number }[] {
  return places.split(",").map((place) => {
    const read = URL.canParse(`redis://${place}`) ? new URL(`redis://${place}`) : null;
    if (read === null || read.hostname === "" || read.pathname !== "") throw new WrongRedisAddress(problem);
    return { host: read.hostname.replace(/^\[|\]$/g, ""), port: read.port === "" ? port : Number(read.port) };
  });
}

function socketOptions(query: URLSearchParams): RedisOptions {
  onlyKnown(query, ["db", "username", "password"]);
  return {
    db: database(query.get("db") ?? ""),
    ...credentials(query.get("username") ?? "", query.get("password") ?? ""),
  };
}

/** Without this, whatever stands in the query would become an option of the client. */
function onlyKnown(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys()) {
    // It may be the second half of a password.
    if (!/^\w{1,30}$/.test(name)) throw new WrongRedisAddress(UNREADABLE);
    if (!known.includes(name)) throw new WrongRedisAddress(`?${name}= is not known here`);
  }
}

function family(query: URLSearchParams): number {
  onlyKnown(query, ["family"]);
  const value = query.get("family") ?? String(ANY_FAMILY);
  if (!["0", "4", "6"].includes(value)) throw new WrongRedisAddress("has a ?family= other than 4 or 6");
  return Number(value);
}

function database(text: string): number {
  if (!/^\d{0,5}$/.test(text)) throw new WrongRedisAddress(DATABASE);
  return Number(text);
}

function credentials(username: string, password: string): RedisOptions {
  if (username !== "") return { username, password };
  return password === "" ? {} : { password };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new WrongRedisAddress(UNREADABLE);
  }
}
