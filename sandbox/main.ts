import { type Logger, pino } from "pino";
import { createSandbox, type RunningSandbox } from "./app.js";
import { loadSettings, SettingsError, type SandboxSettings } from "./settings.js";

/** `EX_CONFIG` of sysexits.h: the environment is wrong, starting again will not help. */
const EXIT_CONFIG = 78;

async function main(): Promise<void> {
  const { settings, running } = build();
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, "sandbox stopping");
    void running.close().then(() => process.exit(0));
  };
  const log = running.sandbox.log;
  process.once("SIGTERM", stop).once("SIGINT", stop);
  try {
    const url = await running.listen();
    log.info({ url, callbacks: settings.callbackUrl, webhooks: settings.webhookUrl }, "sandbox listening");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "it is in use; set SANDBOX_PORT to a free one" : (code ?? String(cause));
    log.fatal(`cannot listen on ${settings.host}:${settings.port}: ${why}`);
    process.exit(1);
  }
}

function build(): { settings: SandboxSettings; running: RunningSandbox } {
  try {
    const settings = loadSettings(process.env);
    return { settings, running: createSandbox(settings, createLog(settings.logLevel)) };
  } catch (cause) {
    if (!(cause instanceof SettingsError)) throw cause;
    for (const problem of cause.problems) process.stderr.write(`${problem}\n`);
    process.exit(EXIT_CONFIG);
  }
}

/** Written at once: pino's buffered form waits for ever at exit when the reader of the log has gone away. */
function createLog(level: SandboxSettings["logLevel"]): Logger {
  return pino({ level }, pino.destination({ dest: 1, sync: true }));
}

await main();
