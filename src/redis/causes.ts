/** Why Redis cannot be used, in words for the operator: the same words for the same cause, whatever was tried. */
export interface Cause {
  readonly reason: string;
  /** Nobody answers. Otherwise somebody does, and refuses. */
  readonly isAway: boolean;
}

const REPLICA = "the server is a read-only replica: after a failover REDIS_URL must lead to the new primary";
const UNTRUSTED =
  "its certificate is signed by no authority that is trusted here: name the authority's file in REDIS_CA";

/** What the server, Node.js or the client says, and what that means. */
const MEANINGS: readonly (readonly [said: RegExp, means: string])[] = [
  [/^(READONLY|UNBLOCKED)/, REPLICA],
  [/^OOM/, "its memory is full (maxmemory) and nothing is evicted: make room"],
  [/^MISCONF/, "it takes no writes because it cannot save to its disk (MISCONF)"],
  [/^MASTERDOWN/, "the server is a replica that has lost its primary"],
  [/^LOADING/, "it is still loading its data"],
  [/^NOREPLICAS/, "it takes no writes because too few replicas follow it (min-replicas-to-write)"],
  [/^BUSY /, "it is busy with somebody's long script"],
  [/^(MOVED|ASK|CROSSSLOT)/, "the server is part of a Redis Cluster: REDIS_URL must begin with redis+cluster://"],
  [/CLUSTERDOWN/, "the Cluster is down: some of its slots are served by nobody"],
  [/cluster support disabled/i, "the server is no part of a Cluster: REDIS_URL must begin with redis://"],
  [/^NOAUTH/, "it asks for a password, and REDIS_URL has none"],
  [/^WRONGPASS|invalid (username-)?password/, "it does not take the user name or the password of REDIS_URL"],
  [/DB index is out of range/, "it has no database with the number in REDIS_URL"],
  [/max number of clients reached/, "it has as many connections as it allows (maxclients)"],
  [/SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER/, UNTRUSTED],
  [/CERT_HAS_EXPIRED/, "its certificate has expired"],
  [/ALTNAME_INVALID/, "its certificate is for other names than the host in REDIS_URL"],
  [/WRONG_VERSION_NUMBER|wrong version number/i, "it does not speak TLS: REDIS_URL must begin with redis://"],
];

/** Errors of the connection, not answers of the server. */
const AWAY =
  /ECONN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|ENOTFOUND|EAI_AGAIN|EPIPE|timed out|closed|writeable|max retries|slots cache|Cluster isn't ready|startup nodes|redirections/i;

/**
 * Puts an error of Redis, or of a connection to it, into words.
 *
 * @param purpose - What the refused command was to do, as in "publish to challenge:*": named where the user lacks the right.
 */
export function causeOf(error: unknown, purpose?: string): Cause {
  const said = wordsOf(error);
  const [, means] = MEANINGS.find(([pattern]) => pattern.test(said)) ?? [];
  return { reason: means ?? missingRight(said, purpose) ?? withoutIds(said), isAway: AWAY.test(said) };
}

/** Whether an error comes from Redis or the connection to it; BullMQ has errors of its own. */
export function isOfRedis(error: Error): boolean {
  const said = wordsOf(error);
  return error.name === "ReplyError" || AWAY.test(said) || MEANINGS.some(([pattern]) => pattern.test(said));
}

/** The message, and Node.js's code for it. */
function wordsOf(error: unknown): string {
  const { message, code, lastNodeError } = (error ?? {}) as {
    message?: unknown;
    code?: unknown;
    lastNodeError?: unknown;
  };
  // Of a Cluster none of whose servers could be asked.
  if (lastNodeError instanceof Error) return wordsOf(lastNodeError);
  const said = typeof message === "string" ? message : String(error);
  return typeof code === "string" && !said.includes(code) ? `${said} ${code}` : said;
}

function missingRight(said: string, purpose: string | undefined): string | undefined {
  if (!said.startsWith("NOPERM")) return undefined;
  const [, command] = /run the '([^']+)'/.exec(said) ?? [];
  if (command?.startsWith("eval") === true) return "the Redis user lacks the right to run scripts (EVAL, EVALSHA)";
  if (command !== undefined) return `the Redis user lacks the right to run ${command.replace("|", " ").toUpperCase()}`;
  return `the Redis user lacks the right to ${purpose ?? withoutIds(said.replace(/^.*permissions to /, ""))}`;
}

/** Hashes of scripts and ids of jobs say nothing to anybody, and would make every cause a new one. */
function withoutIds(said: string): string {
  return said
    .replace(/ script: .*/s, "")
    .replace(/[0-9a-f-]{16,}/gi, "…")
    .slice(0, 120);
}
