import { PASSWORD, attackProgram } from "./attacked-program.js";
import { seededRandom } from "../../kit/random.js";
import { type Attack, inParallel } from "./attack.js";

const SEEDS = [
  "https://evil.example/",
  "http:evil.example",
  "//evil.example",
  "///evil.example",
  "/\\evil.example",
  "\\/evil.example",
  "/\t/evil.example",
  "/\n/evil.example",
  "/..//evil.example",
  "/./\\evil.example",
  "/%2f/evil.example",
  "/%5cevil.example",
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "//evil.example:443/%2e%2e",
  "/account/..//evil.example",
  "https:///evil.example",
  "//user@evil.example",
  "/\u2028/evil.example",
  "/\u3002evil.example",
  "\uff0f\uff0fevil.example",
  "/a\r\nLocation: https://evil.example",
  "?next=//evil.example",
  "@evil.example",
  ".evil.example",
  "/@evil.example",
];
const PIECES = [
  "/",
  "\\",
  "//",
  "/\\",
  "\t",
  "\r",
  "\n",
  " ",
  "\u0000",
  "%2f",
  "%5c",
  "%09",
  "..",
  ".",
  "@",
  ":",
  "?",
  "#",
  "evil.example",
  "http:",
  "https:",
  "\u00a0",
  "\u202e",
  "\ufeff",
  "\u2044",
  ";",
  "a",
];

/** Places to go on to after signing in that lie elsewhere. */
export const nextValues: Attack = {
  name: "next-values",
  what: "values of next, each through a whole sign-in",
  full: 2000,
  short: 80,
  run: (count, progress) =>
    attackProgram({}, async (attacked) => {
      const target = await attacked.addTarget({ withPhone: false });
      const { below: roll } = seededRandom(3);
      const away: string[] = [];
      const refused = new Map<number, number>();
      await inParallel(
        count,
        4,
        async (at) => {
          const next =
            SEEDS[at] ?? Array.from({ length: 1 + roll(6) }, () => PIECES[roll(PIECES.length)] ?? "").join("");
          const browser = attacked.openBrowser();
          const asked = await browser.get(`/login?next=${encodeURIComponent(next)}`);
          const given = /name="next" value="([^"]*)"/.exec(asked.body)?.[1];
          const login = { username: target.username, password: PASSWORD };
          const { status, location } = await browser.post("/login", { ...login, next });
          if (status !== 303) refused.set(status, (refused.get(status) ?? 0) + 1);
          else if (!staysHere(location, attacked.site)) away.push(next);
          // What the page has put into its form goes the same way, and so does a visit while signed in.
          if (given !== undefined && /[<>]/.test(given)) away.push(next);
          const again = await browser.get(`/login?next=${encodeURIComponent(next)}`);
          if (again.status === 303 || again.status === 302) {
            if (!staysHere(again.location, attacked.site)) away.push(next);
          }
        },
        progress,
      );
      const odd = [...refused].filter(([status]) => status !== 400);
      return {
        seen: `${away.length} left the site${away.length === 0 ? "" : `: ${JSON.stringify(away.slice(0, 3))}`}; ${refused.get(400) ?? 0} refused with 400`,
        allowed: "none leaves the site",
        isKept: away.length === 0 && odd.length === 0,
      };
    }),
};

/** As browsers read it. */
function staysHere(location: string, site: string): boolean {
  return /^\/(?![/\\])/.test(location) && !/[\\\s\p{Cc}]/u.test(location) && new URL(location, site).origin === site;
}
