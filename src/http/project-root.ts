import { existsSync } from "node:fs";
import path from "node:path";

/** The folder that holds package.json: source and build lie at different depths below it. */
export function projectRoot(from = import.meta.dirname): string {
  return existsSync(path.join(from, "package.json")) ? from : projectRoot(path.dirname(from));
}
