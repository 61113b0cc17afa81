import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";

const FILE_LIMIT_MS = 600_000;

/**
 * Runs test files in this process, one after another, so that what they import is loaded once. Each is a suite of its
 * own: what it starts on its top level ends with it.
 *
 * @param folder - Where lanes tell each other which files they have begun: every file runs in one of them.
 */
export async function runLane(files: readonly string[], folder: string): Promise<void> {
  for (const file of files) {
    if (!begins(file, folder)) continue;
    await describe(file, { timeout: FILE_LIMIT_MS }, async () => {
      await import(pathToFileURL(file).href).catch((error: unknown) => {
        void it("can be loaded", () => {
          throw error;
        });
      });
    });
    writeFileSync(path.join(placeOf(file, folder), "done"), "");
  }
}

/** Those that no lane has run to the end. */
export function unfinished(files: readonly string[], folder: string): string[] {
  return files.filter((file) => !existsSync(path.join(placeOf(file, folder), "done")));
}

function begins(file: string, folder: string): boolean {
  try {
    mkdirSync(placeOf(file, folder));
    return true;
  } catch {
    return false; // another lane was first
  }
}

function placeOf(file: string, folder: string): string {
  return path.join(folder, encodeURIComponent(file));
}
