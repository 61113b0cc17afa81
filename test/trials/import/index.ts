import { importAccounts } from "../../../src/domain/import-accounts.js";
import { openBrowser } from "../../kit/browser.js";
import { serveApplication } from "../../http/served-application.js";
import { csvOf, foreigners } from "./files.js";

// Imports many accounts with hashes of four kinds at full strength, and signs some of their owners in.
const [count = 10_000, sampled = 40] = process.argv.slice(2).map(Number);
const ends: (() => unknown)[] = [];
const { deps, origin } = await serveApplication(
  { after: (end) => ends.push(end) },
  { ARGON2_TEST_STRENGTH: "false", FACTORS: "totp", LIMIT_LOGINS_PER_ADDRESS: "0" },
);
const people = await foreigners(count, Math.min(count, 400), false);
const startedAt = performance.now();
const imported = await importAccounts(deps, csvOf(people));
console.log(`imported ${JSON.stringify(imported)} in ${Math.round(performance.now() - startedAt)} ms`);
let [signedIn, rehashed] = [0, 0];
const times: number[] = [];
for (let at = 0; at < sampled; at++) {
  const person = people[Math.floor((at * count) / sampled) + (at % 4)];
  if (person === undefined) continue;
  const before = performance.now();
  const { location } = await openBrowser(origin).post("/login", { username: person.name, password: person.password });
  times.push(performance.now() - before);
  if (location === "/account") signedIn += 1;
  const { passwordHash = "" } = (await deps.subscribers.findByName(person.name)) ?? {};
  if (passwordHash !== person.hash && passwordHash.startsWith("$argon2id$v=19$m=19456,t=2,p=1$")) rehashed += 1;
}
const middle = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
console.log(`${signedIn} of ${sampled} signed in, ${rehashed} rehashed; median ${Math.round(middle)} ms for a sign-in`);
for (const end of ends) await end();
process.exit(signedIn === sampled && rehashed === sampled ? 0 : 1);
