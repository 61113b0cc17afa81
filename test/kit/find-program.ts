import { accessSync, constants } from "node:fs";
import path from "node:path";

/** The full path of the first of `names` that can be run from PATH. */
export function findOnPath(names: readonly string[], searchPath = process.env["PATH"] ?? ""): string | undefined {
  const folders = searchPath.split(path.delimiter).filter((folder) => folder !== "");
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
