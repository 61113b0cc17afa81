import { connect } from "node:net";
import type { Client } from "pg";

/** A statement that takes longer is cancelled: the server then says so (57014), and the connection stays good. */
const STATEMENT_MS = 3000;
/** A connection without any answer for so long is closed. */
const ANSWER_MS = 4000;
const CANCEL_MS = 1000;

/** A process that stands still in the middle of a transaction keeps its locks no longer than this. */
const BEGIN = "START TRANSACTION; SET LOCAL idle_in_transaction_session_timeout = 5000";

/** What pg keeps of a connection besides its documented fields. */
interface Keyed {
  readonly processID: number | null;
  readonly secretKey: number | null;
}

/**
 * Sees to it that nothing waits for ever on a connection. It is done from here and inside transactions, for a pooler such
 * as PgBouncer refuses limits that come with the start of a connection, and gives what is SET for a session to others.
 *
 * @param onReadOnly - Told that the server took no writing.
 */
export function boundClient(client: Client, onReadOnly: () => void): void {
  const query = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<unknown>;
  Object.assign(client, {
    async query(text: string, values?: unknown[]) {
      const cancelling = setTimeout(cancelStatement, STATEMENT_MS, client);
      const closing = setTimeout(() => void client.end(), ANSWER_MS);
      try {
        return await query(text === "START TRANSACTION" ? BEGIN : text, values);
      } catch (error) {
        if ((error as { code?: unknown }).code === "25006") onReadOnly();
        throw error;
      } finally {
        clearTimeout(cancelling);
        clearTimeout(closing);
      }
    },
  });
}

/**
 * Asks the server, over a connection of its own, to end what it does for a client. No answer comes; where it does no good
 * (a pooler that insists on TLS, no network), the client's own connection is closed a second later.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
function cancelStatement(client: Client): void {
  const { host, port } = client;
  const { processID, secretKey } = client as unknown as Keyed;
  if (processID === null || secretKey === null) return;
  const request = Buffer.alloc(16);
  for (const [at, value] of [request.length, 80_877_102, processID, secretKey].entries())
    request.writeInt32BE(value, at * 4);
  const socket = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  socket.setTimeout(CANCEL_MS, () => socket.destroy());
  socket.on("error", () => undefined);
  socket.write(request);
}
