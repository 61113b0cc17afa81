import path from "node:path";
import { createRedisServer } from "js-redis-server";
import { startPrivateRedis } from "../../test/kit/private-redis.js";
import { findProgram } from "../setup/find-programs.mjs";

/** The Redis that this demo uses. */
export interface DemoRedis {
  readonly url: string;
  /** For people: which one it is and where its data is. */
  readonly description: string;
  /** The process, where it is one that the demo has to end. */
  readonly pid?: number;
  /** Resolves if it ends before it is stopped. */
  readonly exited: Promise<void>;
  /** Ends it if it is the demo's own; leaves it alone otherwise. */
  stop(): Promise<void>;
}

const never = new Promise<void>(() => undefined);

/**
 * Finds a Redis or brings one: what the person names; else a server on PATH, started privately; else one in JavaScript.
 *
 * @param dataFolder - Where a private server keeps its data.
 */
export async function chooseRedis(
  env: NodeJS.ProcessEnv,
  dataFolder: string,
  preferEmbedded: boolean,
): Promise<DemoRedis> {
  if (preferEmbedded) return embeddedRedis("as asked for");
  const given = env["REDIS_URL"];
  if (given !== undefined && given !== "") {
    return { url: given, description: "the one that REDIS_URL names", exited: never, stop: () => Promise.resolve() };
  }
  const program = findProgram("redis");
  if (program === undefined) return embeddedRedis("no redis-server or valkey-server on PATH");
  const folder = path.join(dataFolder, "redis");
  const redis = await startPrivateRedis(program, folder);
  const again = redis.wasRunning ? "still running since a demo was killed" : "private";
  return { ...redis, description: `${path.basename(program)}, ${again}, data in ${folder}` };
}

async function embeddedRedis(why: string): Promise<DemoRedis> {
  const server = await createRedisServer({ port: 0 });
  return {
    url: `redis://${server.host}:${server.port}`,
    description: `embedded, in memory: what it holds is gone when the demo stops (${why})`,
    exited: never,
    stop: () => server.close(),
  };
}
