import { catalogueProblems } from "./text/problems.js";

/** `npm run text`: what is missing or wrong in the catalogues of `views/text`. */
const problems = catalogueProblems();
for (const problem of problems) process.stdout.write(`${problem}\n`);
process.stdout.write(problems.length === 0 ? "The catalogues have every message.\n" : `${problems.length} to mend.\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
