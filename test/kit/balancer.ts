import { get } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const LOOK_AGAIN_MS = 50;
const GIVE_UP_MS = 5000;

const LOOK_AT_HEALTH_MS = 100;
const HEALTHY_WITHIN_MS = 1000;

/**
 * A load balancer as small as one can be: each connection goes to the next process in turn whose /readyz is good. One that
 * refuses, before a byte was sent to it, is passed over; what breaks later breaks for the browser, too.
 *
 * @param ports - Where the web processes listen; looked at again for each connection.
 */
export function openBalancer(ports: readonly number[]): {
  listen(): Promise<number>;
  close(): Promise<void>;
} {
  let turn = 0;
  const ill = new Set<number>();
  const looking = new Set<number>();
  const looks = setInterval(() => {
    for (const port of ports.filter((each) => !looking.has(each))) {
      looking.add(port);
      void isReady(port).then((isGood) => {
        looking.delete(port);
        if (isGood) ill.delete(port);
        else ill.add(port);
      });
    }
  }, LOOK_AT_HEALTH_MS);
  const open = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (browser) => {
    open.add(browser);
    browser.on("error", () => browser.destroy());
    browser.once("close", () => open.delete(browser));
    void reach(browser).then((web) => {
      if (web === null || browser.destroyed) {
        web?.destroy();
        browser.destroy();
        return;
      }
      open.add(web);
      web.on("error", () => browser.destroy());
      web.once("close", () => {
        open.delete(web);
        browser.destroySoon();
      });
      browser.once("close", () => web.destroy());
      browser.pipe(web);
      web.pipe(browser);
    });
  });

  async function reach(browser: Socket): Promise<Socket | null> {
    const deadline = performance.now() + GIVE_UP_MS;
    while (performance.now() < deadline && !browser.destroyed) {
      const well = ports.filter((port) => !ill.has(port));
      for (const port of inTurn(well.length > 0 ? well : ports, turn++)) {
        const web = await dial(port);
        if (web !== null) return web;
      }
      await wait(LOOK_AGAIN_MS);
    }
    return null;
  }

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", () => {
          const address = server.address();
          resolve(typeof address === "object" && address !== null ? address.port : 0);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        clearInterval(looks);
        server.close(() => {
          resolve();
        });
        for (const socket of open) socket.destroy();
      }),
  };
}

function inTurn(ports: readonly number[], turn: number): number[] {
  const from = turn % ports.length;
  return [...ports.slice(from), ...ports.slice(0, from)];
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = get(
      { port, host: "127.0.0.1", path: "/readyz", agent: false, timeout: HEALTHY_WITHIN_MS },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asking.on("timeout", () => asking.destroy());
    asking.on("error", () => {
      resolve(false);
    });
  });
}

function dial(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", () => {
      resolve(null);
    });
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}
