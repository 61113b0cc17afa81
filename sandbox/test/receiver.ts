import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";

export interface Received {
  readonly at: number;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What stands where the application would: keeps every request, and answers as it is told. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Statuses of the next answers; 200 when there are none left. */
  readonly answers: number[];
  /** Resolves when so many requests have come. */
  atLeast(count: number): Promise<Received[]>;
}

export async function receive(path = "/webhooks/authy/onetouch"): Promise<Receiver> {
  const received: Received[] = [];
  const answers: number[] = [];
  let look = (): void => undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      received.push({ at: performance.now(), method, path: url, headers, text: Buffer.concat(chunks).toString() });
      response.writeHead(answers.shift() ?? 200).end("seen");
      look();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    received,
    answers,
    async atLeast(count) {
      const signal = AbortSignal.timeout(5_000);
      while (received.length < count)
        await new Promise<void>((resolve, reject) => {
          look = resolve;
          signal.addEventListener("abort", () => {
            reject(new Error(`${received.length} of ${count} requests came`));
          });
        });
      return received;
    },
  };
}
