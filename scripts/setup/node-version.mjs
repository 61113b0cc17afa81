import process from "node:process";
import { SetupError } from "./messages.mjs";

const OLDEST = [20, 19];

/** Throws one clear sentence when this Node.js is older than package.json asks for. */
export function needNode(version = process.versions.node) {
  const [major, minor] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new SetupError(
    `Countersign needs Node.js ${OLDEST.join(".")} or newer, and this is ${version}: install a newer one and run the command again.`,
  );
}
