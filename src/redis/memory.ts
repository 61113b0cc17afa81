import type { Cluster, Redis } from "ioredis";

/** From here on somebody should look before it is full. */
const NEARLY_FULL = 0.9;

/**
 * What is wrong with the memory that Redis may use: jobs and limits must not be thrown away to make room, and when it is
 * full nothing is taken any more.
 *
 * @returns sentences for the operator, none when all is well; null where the user may not ask INFO.
 * @throws where Redis is away.
 */
export function memoryProblems(redis: Redis): Promise<string[] | null> {
  return ofEach(redis, memoryProblemsOfOne);
}

async function memoryProblemsOfOne(redis: Redis): Promise<string[] | null> {
  const read = await info(redis, "memory");
  if (read === null) return null;
  const [most, used, policy] = [Number(read("maxmemory")), Number(read("used_memory")), read("maxmemory_policy")];
  const problems: string[] = [];
  if (policy !== "" && policy !== "noeviction")
    problems.push(`maxmemory-policy is ${policy}, which may throw jobs and limits away: it must be noeviction`);
  if (most > 0 && used >= NEARLY_FULL * most)
    problems.push(`${Math.floor((100 * used) / most)} % of maxmemory (${Math.ceil(most / 1e6)} MB) is in use`);
  return problems;
}

/**
 * What is wrong with how Redis keeps its data on its disk: what it forgets when it restarts are limits that were used up and
 * jobs that were due.
 *
 * @returns as `memoryProblems` does; a server that says nothing of its disk, as one in memory alone, has the first problem.
 * @throws where Redis is away.
 */
export function persistenceProblems(redis: Redis): Promise<string[] | null> {
  return ofEach(redis, persistenceProblemsOfOne);
}

async function persistenceProblemsOfOne(redis: Redis): Promise<string[] | null> {
  const read = await info(redis, "persistence");
  if (read === null) return null;
  const problems: string[] = [];
  if (read("aof_enabled") !== "1") problems.push("it writes no log of its changes (appendonly is no)");
  if (read("aof_last_write_status") === "err") problems.push("it cannot write its log: its disk is full or gone");
  if (read("rdb_last_bgsave_status") === "err") problems.push("its last snapshot failed: its disk is full or gone");
  return problems;
}

/** The same of each primary of a Cluster, told once. */
async function ofEach(redis: Redis, look: typeof memoryProblemsOfOne): Promise<string[] | null> {
  if (!redis.isCluster) return look(redis);
  const found = await Promise.all((redis as unknown as Cluster).nodes("master").map(look));
  return found.some((problems) => problems === null) ? null : [...new Set(found.flatMap((problems) => problems ?? []))];
}

/** @returns what reads one field of a section of INFO, empty where it is not there; null where the user may not ask. */
async function info(redis: Redis, section: string): Promise<((name: string) => string) | null> {
  try {
    const text = String(await redis.call("INFO", section));
    return (name) => new RegExp(`^${name}:(\\S+)`, "m").exec(text)?.[1] ?? "";
  } catch (error) {
    if (/^(NOPERM|ERR unknown command)/.test((error as Error).message)) return null;
    throw error;
  }
}
