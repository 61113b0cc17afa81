import type { RedisOptions } from "ioredis";

/** An address that cannot be used; the message is a sentence for the operator and never contains the address. */
export class WrongRedisAddress extends Error {}

const FORMS = "must begin with redis:// or rediss://, or be the path of a unix socket";
const ENCODED = "in a user name or password write # as %23, / as %2F, ? as %3F, @ as %40 and % as %25";
const UNREADABLE = `cannot be read as redis://USER:PASSWORD@HOST:PORT/DATABASE; ${ENCODED}`;
const DATABASE = `has something other than a database's number after the host, where /1 means database 1; ${ENCODED}`;
const ANY_FAMILY = 0;

/**
 * Reads `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, the same with `rediss://`, and the path of a unix socket with
 * or without `unix:` before it, where `?db=`, `?username=` and `?password=` may follow. User names and passwords are
 * percent-encoded.
 *
 * @param authority - For `rediss://`: certificates (PEM) that are trusted in place of the system's.
 * @throws WrongRedisAddress
 */
export function redisAddress(text: string, authority?: string): RedisOptions {
  const socket = /^(?:unix:(?:\/\/)?)?(\/(?!\/)[^?]*)(?:\?(.*))?$/s.exec(text);
  if (socket !== null) {
    const [, path = "", query = ""] = socket;
    return { path, ...socketOptions(new URLSearchParams(query)) };
  }
  if (/^redis[s+-]*(sentinel|cluster)/i.test(text)) throw new WrongRedisAddress(`${FORMS}; no Sentinel, no Cluster`);
  if (!/^rediss?:\/\//i.test(text)) throw new WrongRedisAddress(FORMS);
  if (!URL.canParse(text) || /\s/.test(text)) throw new WrongRedisAddress(UNREADABLE);
  const url = new URL(text);
  if (url.hash !== "") throw new WrongRedisAddress(UNREADABLE);
  if (url.hostname === "") throw new WrongRedisAddress("names no host");
  const isEncrypted = url.protocol === "rediss:";
  return {
    // In brackets an IPv6 address is no name that can be looked up.
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    db: database(url.pathname.replace(/^\//, "")),
    family: family(url.searchParams),
    ...credentials(decoded(url.username), decoded(url.password)),
    ...(isEncrypted ? { tls: authority === undefined ? {} : { ca: authority } } : {}),
  };
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
