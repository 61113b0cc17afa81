import { isDuplicate } from "./errors.js";

/** @returns true where a guarded statement changed its row; false where what its WHERE asks for did not hold. */
export async function changedOne(
  statement: Promise<{ readonly affected?: number | null | undefined }>,
): Promise<boolean> {
  return (await statement).affected === 1;
}

/**
 * @param write - An insert, or `changedOne`.
 * @returns false where nothing was changed, or a unique index says that another row has it, however closely the two came.
 */
export async function unlessTaken(write: Promise<unknown>): Promise<boolean> {
  try {
    return (await write) !== false;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}
