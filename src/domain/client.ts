/**
 * What a client is: a program with a secret, one in the browser or on a phone that can keep none, one on a person's own
 * machine, one that signs with a key of its own in place of a secret, or a device that shows a code.
 */
export const CLIENT_KINDS = ["secret", "public", "native", "key", "device"] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

/** An application that speaks OpenID Connect. It has the id of its application. */
export interface Client {
  readonly id: string;
  readonly kind: ClientKind;
  readonly redirectUris: readonly string[];
  readonly logoutRedirectUris: readonly string[];
  /** Where it wants to be told that a sign-in has ended; null where it does not. */
  readonly backChannelUri: string | null;
  /** Whose scripts may ask for tokens with it. */
  readonly origins: readonly string[];
  /** JSON of the key set that it signs with; null but for clients with a key. */
  readonly jwks: string | null;
  readonly asksConsent: boolean;
  /** Whether its refresh tokens may outlive the sign-in. */
  readonly mayStayOffline: boolean;
  readonly createdAt: Date;
}

/** The rows of clients. */
export interface Clients {
  /** @returns false when the id is taken. */
  insert(client: Client): Promise<boolean>;
  find(id: string): Promise<Client | null>;
  list(): Promise<Client[]>;
  /** With its secrets, and all that it was given. @returns false when there was none. */
  remove(id: string): Promise<boolean>;
}

/** The rows of clients' secrets: 256 random bits each, of which the hash alone is kept. */
export interface ClientSecrets {
  insert(secret: { readonly hash: string; readonly clientId: string; readonly createdAt: Date }): Promise<void>;
  /** Those that have no end yet, or a later one, end at that moment. */
  expireOthers(clientId: string, keepHash: string, at: Date): Promise<void>;
  isGood(clientId: string, hash: string, now: Date): Promise<boolean>;
  countGood(clientId: string, now: Date): Promise<number>;
}

/** True for what a client may be called: it stands in addresses and headers. */
export function isClientId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id);
}

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Why an address is none to send browsers to. */
export type RedirectProblem = "malformed" | "user-name" | "port" | "scheme" | "not-https";

/**
 * What is wrong with an address that browsers are sent to; null when nothing is. They are compared letter by letter, so what
 * stands here is what a client sends.
 *
 * @param takesLoopbackHttp - Development only.
 */
export function redirectProblem(uri: string, kind: ClientKind, takesLoopbackHttp: boolean): RedirectProblem | null {
  if (!URL.canParse(uri) || /[\s\\#*]/.test(uri)) return "malformed";
  const { protocol, hostname, username, password, port } = new URL(uri);
  if (username !== "" || password !== "") return "user-name";
  if (protocol === "https:") return null;
  if (kind === "native") {
    if (protocol === "http:" && ["127.0.0.1", "[::1]"].includes(hostname)) return port === "" ? null : "port";
    if (protocol !== "http:" && /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(protocol)) return null;
    return "scheme";
  }
  if (takesLoopbackHttp && protocol === "http:" && LOOPBACK.includes(hostname)) return null;
  return "not-https";
}
