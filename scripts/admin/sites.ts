import { type Admitted, admittedIn, type Application, type Site } from "../../src/domain/application.js";
import type { Deps } from "../../src/domain/deps.js";
import { addSite, changeAdmitted, originIn, removeSite } from "../../src/domain/manage-applications.js";
import { isPublicPathPattern } from "../../src/domain/public-path.js";
import { CannotBeDone, type Command, type Given, type Report, textOf, textsOf, WrongUse } from "./command.js";

/** The options that every kind of application has. */
export const APPLICATION_OPTIONS = {
  name: { type: "string" },
  admit: { type: "string", multiple: true },
  level: { type: "string" },
  "max-age": { type: "string" },
} as const;

/** What those options say. @throws WrongUse for what they cannot be. */
export function applicationIn(given: Given) {
  const name = textOf(given, "name").trim();
  if (name === "" || name.length > 120) throw new WrongUse("--name is missing, or over 120 characters.");
  return {
    name,
    level: levelIn(textOf(given, "level") || "2"),
    maxAgeSeconds: secondsIn(textOf(given, "max-age")),
    admitted: textsOf(given, "admit").map(whom),
  };
}

function levelIn(text: string): Application["level"] {
  if (!/^[123]$/.test(text)) throw new WrongUse("--level is 1, 2 or 3.");
  return Number(text) as Application["level"];
}

function secondsIn(text: string): number | null {
  if (text === "") return null;
  if (!/^\d{1,9}$/.test(text)) throw new WrongUse("--max-age is a number of seconds.");
  return Number(text);
}

/** Whom a text means. @throws WrongUse when it means nobody. */
export function whom(text: string): Admitted {
  const admitted = admittedIn(text);
  if (admitted === null) throw new WrongUse("An application admits `everyone` or `group:NAME`.");
  return admitted;
}

function site(text: string): string {
  const origin = originIn(text);
  if (origin === null) throw new WrongUse(`"${text}" is no origin: write https://app.example.org, without a path.`);
  return origin;
}

async function find({ sites, applications }: Deps, text: string): Promise<{ found: Site; application: Application }> {
  const found = await sites.find(site(text));
  const application = found && (await applications.find(found.applicationId));
  if (found === null || application === null)
    throw new CannotBeDone(`There is no site ${text}. Run \`site list\` to see all of them.`);
  return { found, application };
}

/** Whom an application admits, in the words of the options. */
export function admittedText({ admitsEveryone, groups }: Application): string {
  const named = groups.map((group) => `group:${group}`);
  return (admitsEveryone ? ["everyone", ...named] : named).join(",") || "nobody";
}

function row({ origin, publicPaths, allowsPreflight }: Site, application: Application) {
  const { name, level, maxAgeSeconds, createdAt } = application;
  const paths = publicPaths.join(", ");
  return {
    origin,
    name,
    admits: admittedText(application),
    level,
    maxAgeSeconds,
    public: paths,
    allowsPreflight,
    createdAt,
  };
}

async function change(
  deps: Deps,
  [text = "", admitted = ""]: readonly string[],
  how: "admit" | "dismiss",
): Promise<Report> {
  const { found, application } = await find(deps, text);
  await changeAdmitted(deps, application, whom(admitted), how);
  return { rows: [row(found, (await deps.applications.find(application.id)) ?? application)] };
}

/** Sites behind the gate. */
export const SITE_COMMANDS: Readonly<Record<string, Command>> = {
  "site add": {
    words: 1,
    options: {
      ...APPLICATION_OPTIONS,
      public: { type: "string", multiple: true },
      "allow-preflight": { type: "boolean" },
    },
    run: async ({ deps }, config, [text = ""], given) => {
      const origin = site(text);
      if (origin === new URL(config.publicUrl).origin) throw new WrongUse("That is PUBLIC_URL, the sign-in itself.");
      if (config.isProduction && origin.startsWith("http:"))
        throw new WrongUse("A site is https in production: over http anybody on the way could take its cookie.");
      const publicPaths = textsOf(given, "public");
      const wrong = publicPaths.find((path) => !isPublicPathPattern(path));
      if (wrong !== undefined) throw new WrongUse(`"${wrong}" is no path: write /healthz, /feed/* or "GET /feed/*".`);
      const added = { origin, publicPaths, allowsPreflight: given["allow-preflight"] === true };
      const application = await addSite(deps, added, applicationIn(given));
      if (application === null) throw new CannotBeDone(`${origin} is there already.`);
      const nobody = admittedText(application) === "nobody";
      const message = nobody ? `It admits nobody yet: \`site admit ${origin} everyone\`, or \`group:NAME\`.` : "";
      return { rows: [row({ ...added, applicationId: application.id }, application)], message };
    },
  },
  "site list": {
    words: 0,
    run: async ({ deps }) => {
      const rows: Record<string, unknown>[] = [];
      for (const application of await deps.applications.list("site")) {
        const found = await deps.sites.findOfApplication(application.id);
        if (found !== null) rows.push(row(found, application));
      }
      return { rows, message: rows.length === 0 ? "There are no sites." : "" };
    },
  },
  "site show": {
    words: 1,
    run: async ({ deps }, _config, [text = ""]) => {
      const { found, application } = await find(deps, text);
      const history = await deps.audit.listOfApplication(application.id, 20);
      return {
        rows: [row(found, application), ...history.map(({ at, kind, detail }) => ({ at, what: kind, how: detail }))],
      };
    },
  },
  "site remove": {
    words: 1,
    run: async ({ deps }, _config, [text = ""]) => {
      const { found } = await find(deps, text);
      await removeSite(deps, found);
      return { rows: [], message: `Nobody passes to ${found.origin} any more.` };
    },
  },
  "site admit": { words: 2, run: ({ deps }, _config, words) => change(deps, words, "admit") },
  "site dismiss": { words: 2, run: ({ deps }, _config, words) => change(deps, words, "dismiss") },
};
