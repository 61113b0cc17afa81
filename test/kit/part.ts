import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

/** One line that a part has written: the object of a JSON line, or `{ msg }` with the text of any other. */
export interface LogLine {
  readonly msg?: string;
  /** pino's number: 30 info, 40 warn, 50 error. */
  readonly level?: number;
  readonly [field: string]: unknown;
}

/** How a process ended: a code, or the signal that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the product (web, worker, sandbox) that this one has started and will end. */
export interface Part {
  readonly name: string;
  readonly pid: number;
  /** The lines so far, oldest first; see `keepLines`. */
  readonly lines: readonly LogLine[];
  readonly exited: Promise<Exit>;
  readonly hasExited: boolean;
  /** Resolves with the first line, past or coming, that `matches`; rejects when the part ends before, or after `timeoutMs`. */
  waitForLine(matches: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  /** SIGTERM, and SIGKILL after `graceMs` (10 s is what a part promises to need at most). */
  stop(graceMs?: number): Promise<Exit>;
  /** SIGKILL, as a machine that loses power would. */
  kill(): Promise<Exit>;
}

export interface PartSettings {
  readonly name: string;
  /** What Node.js is to run. */
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  /** The folder of another release, to run its script in place of this one's. */
  readonly release?: string | undefined;
  readonly logFile?: string;
  readonly onLine?: (line: LogLine) => void;
  /** Told of the process before anything can go wrong with it, so that it can be ended whatever happens. */
  readonly onStart?: (part: Part) => void;
  /** How many of the newest lines are kept; all of them unless said otherwise. */
  readonly keepLines?: number;
}

/** Starts a script with Node.js and reads what it logs. */
export function startPart(settings: PartSettings): Part {
  const { name, env, onLine, keepLines = Infinity } = settings;
  const loader = settings.script.endsWith(".ts") ? ["--import", "tsx"] : ["--enable-source-maps"];
  const child = spawn(process.execPath, [...loader, settings.script], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    cwd: settings.release,
  });
  const lines: LogLine[] = [];
  const heard = new EventEmitter().setMaxListeners(0);
  const logFile = settings.logFile === undefined ? undefined : createWriteStream(settings.logFile);
  const hear = (text: string): void => {
    logFile?.write(`${text}\n`);
    const line = parseLine(text);
    lines.push(line);
    if (lines.length > keepLines) lines.shift();
    onLine?.(line);
    heard.emit("line", line);
  };
  createInterface(child.stdout).on("line", hear);
  createInterface(child.stderr).on("line", hear);
  let hasExited = false;
  const exited = exitOf(child, name).then((exit) => {
    hasExited = true;
    logFile?.end();
    heard.emit("exit", exit);
    return exit;
  });

  async function stop(graceMs = 10_000): Promise<Exit> {
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), graceMs);
    const exit = await exited;
    clearTimeout(force);
    return exit;
  }

  function waitForLine(matches: (line: LogLine) => boolean, timeoutMs = 15_000): Promise<LogLine> {
    const past = lines.find(matches);
    if (past) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        clearTimeout(timer);
        heard.off("line", look).off("exit", fail);
        outcome();
      };
      const look = (line: LogLine): void => {
        if (matches(line))
          settle(() => {
            resolve(line);
          });
      };
      const fail = (exit: Exit): void => {
        settle(() => {
          reject(new Error(endedByItself(name, exit, lines)));
        });
      };
      const timer = setTimeout(() => {
        settle(() => {
          reject(
            new Error(
              `${name} did not write the expected line in ${timeoutMs} ms; its last ones:\n${lastLines(lines)}`,
            ),
          );
        });
      }, timeoutMs);
      heard.on("line", look).on("exit", fail);
      if (hasExited) void exited.then(fail);
    });
  }

  const part: Part = {
    name,
    pid: child.pid ?? -1,
    lines,
    exited,
    get hasExited() {
      return hasExited;
    },
    waitForLine,
    stop,
    kill() {
      child.kill("SIGKILL");
      return exited;
    },
  };
  settings.onStart?.(part);
  return part;
}

/** One sentence that says how a part ended, and the last lines it wrote. */
export function endedByItself(name: string, { code, signal }: Exit, lines: readonly LogLine[]): string {
  const how = signal === null ? `with exit code ${code ?? "none"}` : `by ${signal}`;
  return `${name} ended ${how}. Its last lines:\n${lastLines(lines)}`;
}

function lastLines(lines: readonly LogLine[]): string {
  return lines
    .slice(-12)
    .map((line) => `  ${lineAsText(line)}`)
    .join("\n");
}

/** A log line for people: the message and what went wrong, without the machine's fields. */
export function lineAsText(line: LogLine): string {
  const error = line["err"];
  const reason = typeof error === "object" && error !== null && "message" in error ? `: ${String(error.message)}` : "";
  return `${line.msg ?? JSON.stringify(line)}${reason}`;
}

function parseLine(text: string): LogLine {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as LogLine;
  } catch {
    // Node's own warnings, for instance.
  }
  return { msg: text };
}

function exitOf(child: ChildProcess, name: string): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(new Error(`${name} could not be started`, { cause }));
    });
    // "close" and not "exit": its last words have been read by then.
    child.once("close", (code, signal) => {
      resolve({ code, signal });
    });
  });
}
