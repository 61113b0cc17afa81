/** Something that was started, as a way to end it. */
export type End = () => void | Promise<void>;

/** Ends what was started, the newest first, each of them even when one before has failed. @throws what failed last. */
export async function endAll(ends: End[]): Promise<void> {
  const end = ends.pop();
  if (end === undefined) return;
  try {
    await end();
  } finally {
    await endAll(ends);
  }
}
