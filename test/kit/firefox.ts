import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { needProgram } from "../../scripts/setup/find-programs.mjs";
import type { Owner } from "./owner.js";

/** Nothing that calls home, nothing that asks. */
const QUIET: Readonly<Record<string, string | boolean | number>> = {
  "permissions.default.desktop-notification": 1,
  "alerts.useSystemBackend": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.enabled": false,
  "app.normandy.enabled": false,
  "browser.region.update.enabled": false,
  "services.settings.server": "http://127.0.0.1:9/",
};

/** A tab of Firefox. */
export interface FirefoxPage {
  goto(url: string): Promise<void>;
  /** The value of an expression in the page, which may be a promise; it must be a text. */
  evaluate(expression: string): Promise<string>;
}

type Answer = { readonly id?: number; readonly error?: string; readonly message?: string; readonly result?: unknown };

/**
 * Starts the system's Firefox without a window and with an empty profile, and speaks WebDriver BiDi with it.
 *
 * @see https://w3c.github.io/webdriver-bidi/
 */
export async function launchFirefox(
  owner: Owner,
  prefs: Readonly<Record<string, string | boolean | number>>,
): Promise<FirefoxPage> {
  const profile = mkdtempSync(path.join(tmpdir(), "countersign-firefox-"));
  const lines = Object.entries({ ...QUIET, ...prefs }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  writeFileSync(path.join(profile, "user.js"), lines.join(""));
  const child = spawn(
    needProgram("firefox"),
    ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: "1" } },
  );
  const exited = once(child, "exit");
  owner.after(async () => {
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), 5000);
    await exited;
    clearTimeout(force);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  const address = await new Promise<string>((resolve, reject) => {
    createInterface(child.stderr).on("line", (line) => {
      const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    void exited.then(() => {
      reject(new Error("Firefox ended by itself"));
    });
  });

  const socket = new WebSocket(`${address}/session`);
  const waiting = new Map<number, (answer: Answer) => void>();
  socket.on("message", (bytes: Buffer) => {
    const answer = JSON.parse(bytes.toString()) as Answer;
    waiting.get(answer.id ?? 0)?.(answer);
  });
  await once(socket, "open");
  owner.after(() => {
    socket.terminate();
  });
  let asked = 0;
  const ask = (method: string, params: Record<string, unknown>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++asked;
      waiting.set(id, ({ error, message, result }) => {
        waiting.delete(id);
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error}: ${message ?? ""}`));
      });
      socket.send(JSON.stringify({ id, method, params }));
    });
  await ask("session.new", { capabilities: {} });
  const { context } = (await ask("browsingContext.create", { type: "tab" })) as { context: string };
  return {
    async goto(url) {
      await ask("browsingContext.navigate", { context, url, wait: "complete" });
    },
    async evaluate(expression) {
      const answer = (await ask("script.evaluate", {
        expression,
        target: { context },
        awaitPromise: true,
        userActivation: true,
      })) as { type: string; result?: { value?: unknown }; exceptionDetails?: { text: string } };
      if (answer.type !== "success") throw new Error(answer.exceptionDetails?.text ?? "the page threw");
      const value = answer.result?.value;
      return typeof value === "string" ? value : "";
    },
  };
}
