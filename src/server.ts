import { ConfigError, loadConfig } from "./config.js";
import { consoleToLog } from "./console-to-log.js";
import { createLog } from "./create-log.js";
import { createApp } from "./http/app.js";
import { prepareDrain } from "./http/drain.js";
import { createHttpServer, listen } from "./http/listen.js";
import { createWebServices } from "./services.js";
import { stopOnSignals } from "./stop-on-signals.js";

/** The web process: config → services → app → listen → drain. Twin of workers/index.ts. */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLog(config.logLevel, "web");
  consoleToLog(log);
  if (config.withoutPasskeys !== null) log.warn({ why: config.withoutPasskeys }, "passkeys are left out");
  let finish = (): Promise<void> => Promise.resolve();
  const stopping = stopOnSignals(log, () => finish());
  const services = await createWebServices(config, log, stopping);
  // A signal may have come while they were loaded.
  if (stopping.aborted) return;
  const app = createApp(services.deps, services.health, services.callbacks, services.sites, services.openId);
  const server = createHttpServer(app, config.keepAliveTimeoutMs);
  const drain = prepareDrain(server);
  finish = async () => {
    await drain({ drain: () => services.drainStreams() }, config.drainWaitMs);
    await services.close();
  };
  listen(server, config, log, services.open(stopping), stopping).catch((error: unknown) => {
    // As for wrong settings: a process that cannot start tells the person who started it.
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "EADDRINUSE" ? "it is in use. Set PORT to a free one." : (code ?? message);
    process.stderr.write(`Cannot listen on port ${config.port}: ${reason}\n`);
    process.exit(1);
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(error instanceof ConfigError ? ConfigError.exitCode : 1);
});
