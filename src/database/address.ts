import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { ClientConfig } from "pg";

/** An address that cannot be used; the message is a sentence for the operator and never contains the password. */
export class WrongPostgresAddress extends Error {}

const FORMS =
  "must be sqlite:PATH, postgres://USER:PASSWORD@HOST:PORT/NAME, or postgres://USER@/NAME?host=/FOLDER for a socket";
const SEVERAL_HOSTS = "names several hosts: give one, the primary's or that of a proxy which finds the primary";

const PARAMETERS = new Set([
  ...["host", "port", "user", "password", "dbname", "application_name", "connect_timeout", "options"],
  ...["sslmode", "ssl", "sslrootcert", "sslcert", "sslkey", "sslpassword", "channel_binding", "uselibpqcompat"],
]);

/** Seconds in which a new connection must come about. */
const CONNECT_SECONDS = 1;

/**
 * Reads an address as PostgreSQL's own programs do. Whatever is not understood is refused: a mistyped `sslmode` would
 * otherwise send passwords in the clear.
 *
 * @param address - `postgres://…` or `postgresql://…`
 * @returns what the driver needs for it. What is undefined is the driver's default, or its PG… variable.
 * @throws WrongPostgresAddress
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function postgresAddress(address: string): ClientConfig {
  const url = parse(address);
  const given = new Map(url.searchParams);
  for (const name of given.keys())
    if (!PARAMETERS.has(name))
      throw new WrongPostgresAddress(`has ?${name.slice(0, 30)}=, which is not understood: leave it out`);
  const part = (name: string, inUrl: string): string | undefined => (given.get(name) ?? decode(inUrl)) || undefined;

  const host = part("host", url.hostname.replace(/^\[(.*)\]$/, "$1"));
  if (host?.includes(",") === true) throw new WrongPostgresAddress(SEVERAL_HOSTS);
  const isSocket = host?.startsWith("/") === true;
  if (isSocket && /\/\.s\.PGSQL\.\d+$/.test(host))
    throw new WrongPostgresAddress("names the file of a socket: write ?host= with the folder that it is in");
  return {
    host,
    port: wholeNumber("port", part("port", url.port), 65_535),
    user: part("user", url.username),
    password: part("password", url.password),
    database: part("dbname", url.pathname.slice(1)),
    // As with PostgreSQL's own programs: nobody can listen in on a socket.
    ssl: isSocket ? false : encryption(given),
    connectionTimeoutMillis:
      (wholeNumber("connect_timeout", given.get("connect_timeout"), 60) ?? CONNECT_SECONDS) * 1000,
    application_name: given.get("application_name"),
    options: given.get("options"),
    enableChannelBinding: channelBinding(given.get("channel_binding")),
  };
}

function parse(address: string): URL {
  if (!/^postgres(ql)?:\/\//.test(address)) throw new WrongPostgresAddress(FORMS);
  if (/\s/.test(address)) throw new WrongPostgresAddress("has a blank in it: write it as %20");
  if (address.includes("#")) throw new WrongPostgresAddress("has a # in it: write it as %23");
  if (/^\w+:\/\/[^/?]*[/?].*@/.test(address))
    throw new WrongPostgresAddress("has an @ behind its host: in a password write / as %2F, ? as %3F and @ as %40");
  if (/^\w+:\/\/[^/?]*,/.test(address)) throw new WrongPostgresAddress(SEVERAL_HOSTS);
  // A name without a host, as in postgres://USER@/NAME?host=/FOLDER, is no URL for Node.js: any host will do.
  const withHost = address.replace(/^(\w+:\/\/[^/?]*@)(?=[/?]|$)/, "$1nowhere");
  if (!URL.canParse(withHost)) throw new WrongPostgresAddress(FORMS);
  const url = new URL(withHost);
  if (withHost !== address && !url.searchParams.has("host")) throw new WrongPostgresAddress(FORMS);
  return url;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new WrongPostgresAddress("has a % in it that stands for itself: write it as %25");
  }
}

function wholeNumber(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most)
    throw new WrongPostgresAddress(`has a ${name} that is no whole number from 1 to ${most}`);
  return value;
}

/** What node-postgres has beside `sslmode`. */
const SSL_WORDS: Readonly<Record<string, string>> = {
  true: "verify-full",
  "1": "verify-full",
  "no-verify": "no-verify",
  false: "disable",
  "0": "disable",
};

/** `sslmode` as PostgreSQL means it; `no-verify` is node-postgres' word for `require` that looks at no certificate. */
function encryption(given: ReadonlyMap<string, string>): ConnectionOptions | false | undefined {
  const ssl = given.get("ssl");
  const mode = given.get("sslmode") ?? (ssl === undefined ? undefined : (SSL_WORDS[ssl] ?? "unknown"));
  if (mode === undefined) {
    if (["sslrootcert", "sslcert", "sslkey"].some((name) => given.has(name)))
      throw new WrongPostgresAddress("has certificates and no sslmode: add sslmode=verify-full");
    return undefined;
  }
  const root = given.get("sslrootcert");
  const file = (name: string, option: "ca" | "cert" | "key"): ConnectionOptions => {
    const path = given.get(name);
    return path === undefined ? {} : { [option]: read(name, path) };
  };
  const passphrase = given.get("sslpassword");
  const own: ConnectionOptions = {
    ...file("sslcert", "cert"),
    ...file("sslkey", "key"),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
  // Node.js brings the public authorities itself.
  const authority = root === "system" ? {} : file("sslrootcert", "ca");
  if (root === "system" && mode !== "verify-full")
    throw new WrongPostgresAddress(
      "has sslrootcert=system, which anybody's certificate fits: write sslmode=verify-full with it",
    );

  switch (mode) {
    case "disable":
      return false;
    case "no-verify":
      return { ...own, rejectUnauthorized: false };
    case "require":
      if (root === undefined) return { ...own, rejectUnauthorized: false };
      return { ...own, ...authority, checkServerIdentity: anyName };
    case "verify-ca":
      if (root === undefined)
        throw new WrongPostgresAddress(
          "has sslmode=verify-ca and no authority: add sslrootcert=FILE, or write sslmode=verify-full",
        );
      return { ...own, ...authority, checkServerIdentity: anyName };
    case "verify-full":
      return { ...own, ...authority };
    case "allow":
    case "prefer":
      throw new WrongPostgresAddress(
        `has sslmode=${mode}, which may go on without encryption: write sslmode=verify-full, or require, or disable`,
      );
    default:
      throw new WrongPostgresAddress(
        "has an sslmode that is none of disable, require, verify-ca, verify-full and no-verify",
      );
  }
}

function anyName(): undefined {
  return undefined;
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as { code?: unknown };
    throw new WrongPostgresAddress(`has an ${name} that cannot be read (${String(code)}): ${path.slice(0, 200)}`);
  }
}

/** The driver binds where the server offers it, and cannot insist. */
function channelBinding(wanted: string | undefined): boolean {
  if (wanted === undefined || wanted === "disable") return false;
  if (wanted === "prefer") return true;
  throw new WrongPostgresAddress(
    "has channel_binding=require, which cannot be promised: leave it out and write sslmode=verify-full",
  );
}
