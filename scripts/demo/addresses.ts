import { isFree } from "../../test/kit/ports.js";

/** A wrong or taken PORT, SANDBOX_PORT, SANDBOX_SMTP_PORT, REPORTS_PORT or WIKI_PORT; the message is for people. */
export class PortUnusable extends Error {}

/** Where the demo listens. */
export interface Ports {
  readonly web: number;
  readonly sandbox: number;
  /** Of the sandbox's mailbox. */
  readonly smtp: number;
  /** Of the application behind the gate. */
  readonly reports: number;
  /** Of the application that speaks OpenID Connect. */
  readonly wiki: number;
}

/**
 * The ports that were asked for or, where none was, the default or the next free one.
 * @throws PortUnusable when one was asked for that is no port or is taken.
 */
export async function choosePorts(env: NodeJS.ProcessEnv): Promise<Ports> {
  const web = await choosePort("PORT", env, 3000, hostsOf(env["HOST"]), []);
  const sandbox = await choosePort("SANDBOX_PORT", env, 4001, hostsOf(env["SANDBOX_HOST"]), [web]);
  const smtp = await choosePort("SANDBOX_SMTP_PORT", env, 2525, ["127.0.0.1"], [web, sandbox]);
  const reports = await choosePort("REPORTS_PORT", env, 4100, ["127.0.0.1"], [web, sandbox, smtp]);
  const wiki = await choosePort("WIKI_PORT", env, 4200, ["127.0.0.1"], [web, sandbox, smtp, reports]);
  return { web, sandbox, smtp, reports, wiki };
}

/** The addresses say "localhost", which is ::1 as well: somebody else there would get our visitors. */
function hostsOf(host: string | undefined): string[] {
  return [isGiven(host) ? host : "127.0.0.1", "::1"];
}

async function choosePort(
  variable: string,
  env: NodeJS.ProcessEnv,
  preferred: number,
  hosts: readonly string[],
  taken: readonly number[],
): Promise<number> {
  const given = env[variable];
  if (!isGiven(given)) {
    for (let port = preferred; port < preferred + 1000; port++) {
      if (!taken.includes(port) && (await isFree(port, hosts))) return port;
    }
    throw new PortUnusable(
      `No port from ${preferred} on is free: name one, for example ${variable}=${preferred + 5000}.`,
    );
  }
  const port = /^\d{1,5}$/.test(given) ? Number(given) : NaN;
  if (!(port >= 1 && port <= 65_535)) {
    throw new PortUnusable(
      `${variable} must be a port from 1 to 65535, not "${given}" (example: ${variable}=${preferred}).`,
    );
  }
  if (taken.includes(port) || !(await isFree(port, hosts))) {
    throw new PortUnusable(
      `Port ${port} is taken by another program: name another one, for example ${variable}=${port + 1}.`,
    );
  }
  return port;
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
