import { connect, type Socket } from "node:net";

/** The bytes of one request, made beforehand: while it is measured the load must cost next to nothing. */
export function requestBytes(
  method: "GET" | "POST",
  path: string,
  headers: Readonly<Record<string, string>>,
  body = "",
): Buffer {
  const lines = Object.entries({ ...headers, "content-length": String(Buffer.byteLength(body)) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`);
}

/** An answer, as far as the load looks at it. */
export interface Answer {
  readonly status: number;
  /** Head and body as they came. */
  readonly text: string;
}

/** A connection that is kept, for one exchange after the other. */
export interface Wire {
  exchange(request: Buffer): Promise<Answer>;
  close(): void;
}

/** Opens a connection to a server on loopback. It reads answers that say how long they are. */
export function openWire(port: number): Wire {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let received = "";
  let taken: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  socket.setEncoding("latin1");
  socket.on("data", (part: string) => {
    received += part;
    const headEnd = received.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(0, headEnd + 2))?.[1] ?? 0);
    if (received.length < headEnd + 4 + length) return;
    const answer = { status: Number(received.slice(9, 12)), text: received };
    received = "";
    const { resolve } = taken ?? { resolve: () => undefined };
    taken = undefined;
    resolve(answer);
  });
  const fail = (error?: Error): void => {
    taken?.reject(error ?? new Error("the connection was closed"));
    taken = undefined;
  };
  socket.on("error", fail);
  socket.on("close", () => {
    fail();
  });
  return {
    exchange: (request) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) throw new Error("the connection was closed");
        taken = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

/** A browser that waits on an event stream. */
export interface Waiting {
  /** When its approval came, by `performance.now()`. */
  readonly approved: Promise<number>;
  close(): void;
}

/** Opens an event stream. Resolves when its first event is there, so that the server waits for nothing but the outcome. */
export function openStream(port: number, request: Buffer): Promise<Waiting> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let isOpen = false;
    let text = "";
    const approved = new Promise<number>((hear, fail) => {
      socket.setEncoding("latin1");
      socket.on("data", (part: string) => {
        if (isOpen) text = part;
        else text += part;
        if (text.includes('"approved"')) hear(performance.now());
        else if (!isOpen && text.includes('"pending"')) {
          isOpen = true;
          resolve({ approved, close: () => socket.destroy() });
        }
      });
      socket.on("error", fail);
      socket.on("close", () => {
        const error = new Error(`a stream ended early: ${text.slice(0, 200)}`);
        fail(error);
        reject(error);
      });
    });
    // Streams that stay open to the end of a turn are closed by us.
    approved.catch(() => undefined);
    socket.write(request);
  });
}
