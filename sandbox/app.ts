import Router from "@koa/router";
import Koa from "koa";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino, type Logger } from "pino";
import { createApi } from "./api.js";
import { Deliveries } from "./deliveries.js";
import { mapErrors } from "./errors.js";
import { noFaults } from "./faults.js";
import { localOnly } from "./local-only.js";
import { Mailbox } from "./mailbox.js";
import { PhoneFeed } from "./phone-feed.js";
import { phoneState } from "./phone-state.js";
import { QrPictures } from "./qr-pictures.js";
import { applicationRoutes } from "./routes/application.js";
import { approvalRequestRoutes } from "./routes/approval-requests.js";
import { controlRoutes } from "./routes/controls.js";
import { dashboardWebhookRoutes } from "./routes/dashboard-webhooks.js";
import { pageRoutes } from "./routes/page.js";
import { phoneRoutes } from "./routes/phone.js";
import { registrationRoutes } from "./routes/registrations.js";
import { tokenRoutes } from "./routes/tokens.js";
import { userRoutes } from "./routes/users.js";
import type { Sandbox } from "./sandbox.js";
import { DEFAULT_SETTINGS, type SandboxSettings } from "./settings.js";
import { StateFile } from "./state-file.js";

/** A stand-in for Authy that is ready to listen. */
export interface RunningSandbox {
  readonly app: Koa;
  readonly sandbox: Sandbox;
  /** Starts listening at the settings' host and port. @returns the address, `http://…` without a trailing slash */
  listen(): Promise<string>;
  /** Ends streams, deliveries and connections, and writes the state. */
  close(): Promise<void>;
}

/**
 * Builds a sandbox. Several may live in one process.
 *
 * @param given - At least the API key; the rest has the defaults of the environment. Port 0 takes any free one.
 * @throws SettingsError when the state file was not written by a sandbox like this one.
 */
export function createSandbox(
  given: Partial<SandboxSettings> & Pick<SandboxSettings, "apiKey">,
  log: Logger = pino({ level: "silent" }),
): RunningSandbox {
  const settings: SandboxSettings = { ...DEFAULT_SETTINGS, ...given };
  const stateFile = new StateFile(settings.statePath, (cause) => {
    log.error({ err: cause }, "the state could not be written");
  });
  const sandbox: Sandbox = {
    settings,
    log,
    state: stateFile.load(),
    faults: noFaults(),
    mailbox:
      settings.smtpPort === null
        ? null
        : new Mailbox(
            () => sandbox.now(),
            () => {
              feed.changed();
            },
          ),
    now: () => Date.now() + sandbox.faults.clock_skew_seconds * 1000,
    changed() {
      stateFile.changed(sandbox.state);
      feed.changed();
    },
    deliveries: new Deliveries({
      log,
      timeoutMs: settings.deliveryTimeoutMs,
      retryDelaysMs: settings.retryDelaysMs,
      faults: () => sandbox.faults,
      changed: () => {
        feed.changed();
      },
    }),
  };
  const feed = new PhoneFeed(
    () => phoneState(sandbox),
    () => sandbox.now(),
  );
  const app = createApp(sandbox, feed);
  const server = createServer({ requestTimeout: 30_000, connectionsCheckingInterval: 5_000 }, (request, response) => {
    void app.callback()(request, response);
  });
  return {
    app,
    sandbox,
    async listen() {
      if (settings.smtpPort !== null) await sandbox.mailbox?.listen(settings.smtpPort);
      return listen(server, settings);
    },
    async close() {
      feed.close();
      await sandbox.deliveries.close();
      if (server.listening) await sandbox.mailbox?.close();
      await stop(server);
      await stateFile.close(sandbox.state);
    },
  };
}

function createApp(sandbox: Sandbox, feed: PhoneFeed): Koa {
  const app = new Koa();
  app.on("error", (cause: NodeJS.ErrnoException) => {
    if (!["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE"].includes(cause.code ?? ""))
      sandbox.log.error({ err: cause }, "request broke");
  });
  const apiRouter = new Router();
  const api = createApi(sandbox, apiRouter);
  const pictures = new QrPictures();
  userRoutes(sandbox, api, pictures);
  tokenRoutes(sandbox, api);
  applicationRoutes(sandbox, api);
  registrationRoutes(sandbox, api);
  approvalRequestRoutes(sandbox, api);
  dashboardWebhookRoutes(sandbox, api);
  const pageRouter = new Router();
  pageRouter.use(localOnly(sandbox.settings.host));
  pageRoutes(pageRouter, pictures);
  phoneRoutes(sandbox, pageRouter, feed);
  controlRoutes(sandbox, pageRouter);
  app.use(mapErrors(sandbox.log));
  app.use(apiRouter.routes());
  app.use(pageRouter.routes());
  return app;
}

function listen(server: Server, { host, port }: SandboxSettings): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const { address, family, port: bound } = server.address() as AddressInfo;
      resolve(`http://${family === "IPv6" ? `[${address}]` : address}:${bound}`);
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
