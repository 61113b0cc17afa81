import path from "node:path";
import { runChecks } from "./test/checks.js";
import { runTestFiles } from "./test/run-files.js";
import { findTestFiles, needsNoProcess } from "./test/test-files.js";

async function main(): Promise<number> {
  const parts = process.argv.slice(2);
  const isQuick = parts[0] === "quick";
  const isIn = (file: string): boolean => parts.some((part) => file.includes(path.relative(".", path.resolve(part))));
  const asked = findTestFiles().filter((file) => isQuick || parts.length === 0 || isIn(file));
  const short = asked.filter(needsNoProcess);
  // The short ones last: then both lanes end at about the same time.
  const files = isQuick ? short : [...asked.filter((file) => !short.includes(file)), ...short];
  if (files.length === 0) {
    console.error(`No test file's path contains ${parts.join(" or ")}.`);
    return 64;
  }
  if ((isQuick || parts.length === 0) && !(await runChecks(isQuick))) {
    console.error("\nThe tests were not run, because of the above.");
    return 1;
  }
  console.log(`\n${files.length} test files:`);
  return runTestFiles(files, isQuick ? { COUNTERSIGN_TEST_QUICK: "1" } : {});
}

process.exitCode = await main();
