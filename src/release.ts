import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { projectRoot } from "./http/project-root.js";

let release: string | undefined;

/**
 * Which build this process is of: the version, and a digest of the program's own files as they were when it was first asked.
 * Two processes that run different code differ in it, whoever deployed them.
 */
export function ownRelease(): string {
  return (release ??= `${version()}+${digest(import.meta.dirname)}`);
}

function version(): string {
  return (JSON.parse(readFileSync(path.join(projectRoot(), "package.json"), "utf8")) as { version: string }).version;
}

function digest(folder: string): string {
  const hash = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(js|ts)$/.test(name));
  for (const name of files.sort()) hash.update(`${name}\n`).update(readFileSync(path.join(folder, name)));
  return hash.digest("hex").slice(0, 8);
}
