import path from "node:path";
import { runChecks } from "./test/checks.js";
import { runTestFiles } from "./test/run-files.js";
import { findTestFiles, isLong, needsNothingElse } from "./test/test-files.js";

async function main(): Promise<number> {
  const parts = process.argv.slice(2);
  const [which = "short"] = parts;
  const isQuick = which === "quick";
  const isIn = (file: string): boolean => parts.some((part) => file.includes(path.relative(".", path.resolve(part))));
  const wanted: Readonly<Record<string, (file: string) => boolean>> = {
    short: (file) => !isLong(file),
    quick: needsNothingElse,
    long: isLong,
    all: () => true,
  };
  const asked = findTestFiles().filter(wanted[which] ?? isIn);
  const withChecks = which in wanted && which !== "long";
  const short = asked.filter(needsNothingElse);
  // The short ones last: then both lanes end at about the same time.
  const files = [...asked.filter((file) => !short.includes(file)), ...short];
  if (files.length === 0) {
    console.error(`No test file's path contains ${parts.join(" or ")}.`);
    return 64;
  }
  if (withChecks && !(await runChecks(isQuick))) {
    console.error("\nThe tests were not run, because of the above.");
    return 1;
  }
  const left = which === "short" ? findTestFiles().length - files.length : 0;
  console.log(`\n${files.length} test files${left > 0 ? `; ${left} more with \`npm test -- long\`` : ""}:`);
  return runTestFiles(files, isQuick ? { COUNTERSIGN_TEST_QUICK: "1" } : {});
}

process.exitCode = await main();
