import { Queue } from "bullmq";
import type { Redis } from "ioredis";

/** What the keys of queues begin with. In a Cluster the braces keep them together, for a script takes keys of one slot only. */
export function queuePrefix({ isCluster }: Pick<Redis, "isCluster">): string {
  return isCluster ? "{bull}" : "bull";
}

/**
 * The producer's side of a queue whose jobs hold ids only: what they stand for is read from the database. A job that meets what is
 * not foreseen, a database that is away, is tried again for a minute.
 */
export function idQueue<Job>(name: string, connection: Redis): Queue<Job> {
  const queue = new Queue<Job>(name, {
    connection,
    prefix: queuePrefix(connection),
    skipVersionCheck: true, // it asks once, and refuses for ever where it got no answer
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: true,
      attempts: 60,
      backoff: { type: "fixed", delay: 1000 },
    },
  });
  queue.on("error", () => undefined); // the connection says so itself
  return queue;
}
