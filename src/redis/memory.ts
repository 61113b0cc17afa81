import type { Redis } from "ioredis";

/** From here on somebody should look before it is full. */
const NEARLY_FULL = 0.9;

/**
 * What is wrong with the memory that Redis may use: jobs and limits must not be thrown away to make room, and when it is
 * full nothing is taken any more.
 *
 * @returns sentences for the operator, none when all is well; null where the user may not ask INFO.
 * @throws where Redis is away.
 */
export async function memoryProblems(redis: Redis): Promise<string[] | null> {
  let info: string;
  try {
    info = String(await redis.call("INFO", "memory"));
  } catch (error) {
    if (/^(NOPERM|ERR unknown command)/.test((error as Error).message)) return null;
    throw error;
  }
  const read = (name: string): string => new RegExp(`^${name}:(\\S+)`, "m").exec(info)?.[1] ?? "";
  const [most, used, policy] = [Number(read("maxmemory")), Number(read("used_memory")), read("maxmemory_policy")];
  const problems: string[] = [];
  if (policy !== "" && policy !== "noeviction")
    problems.push(`maxmemory-policy is ${policy}, which may throw jobs and limits away: it must be noeviction`);
  if (most > 0 && used >= NEARLY_FULL * most)
    problems.push(`${Math.floor((100 * used) / most)} % of maxmemory (${Math.ceil(most / 1e6)} MB) is in use`);
  return problems;
}
