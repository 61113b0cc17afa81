import { readFileSync } from "node:fs";

import { addClient, removeClient, rotateSecret } from "../../src/domain/administer-clients.js";
import { admittedIn, type Application } from "../../src/domain/application.js";
import {
  type Client,
  type ClientKind,
  isClientId,
  redirectProblem,
  type RedirectProblem,
} from "../../src/domain/client.js";
import { changeAdmitted } from "../../src/domain/manage-applications.js";
import type { Config } from "../../src/config.js";
import type { Deps } from "../../src/domain/deps.js";
import { plainText } from "../../src/domain/push-text.js";
import type { AssuranceLevel } from "../../src/domain/session.js";
import { publishNextKeys, renewKeys } from "../../src/oidc/keys.js";
import { CannotBeDone, type Command, type Given, WrongUse } from "./command.js";

const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;
const flag = { type: "boolean" } as const;

/** Under which the history has what operators did to the keys that sign ID tokens. */
export const SIGNING_KEYS = "signing-keys";

/** Which of these an option makes of a client; without one it has a secret. */
const KIND_OPTIONS = ["public", "native", "device"] as const;

/** Applications that speak OpenID Connect. */
export const CLIENT_COMMANDS: Readonly<Record<string, Command>> = {
  "client add": {
    words: 1,
    options: {
      ...{ name: text, redirect: texts, "logout-redirect": texts, "back-channel": text, origin: texts },
      ...{ public: flag, native: flag, device: flag, key: text, admit: texts, level: text, "max-age": text },
      ...{ consent: flag, offline: flag },
    },
    run: async ({ deps }, config, [id = ""], given) => {
      const client = clientIn(id, given, config);
      const admits = textsIn(given, "admit").map((whom) => {
        const admitted = admittedIn(whom);
        if (admitted === null) throw new WrongUse(`--admit ${whom}: say everyone or group:NAME`);
        return admitted;
      });
      const secret = await addClient(deps, { ...client, ...demandsIn(given, id), admits });
      if (secret === null) throw new CannotBeDone(`There is an application with the id ${id} already.`);
      const told = secret === "" ? "" : " Its secret is shown this once.";
      const nobody = admits.length === 0 ? ` It admits nobody yet: npm run admin -- client admit ${id} everyone` : "";
      return {
        rows: [{ id, ...(secret === "" ? {} : { secret }), issuer: config.publicUrl }],
        message: `Added ${id}.${told}${nobody}`,
      };
    },
  },
  "client list": {
    words: 0,
    run: async ({ deps }) => {
      const clients = await deps.clients.list();
      const rows = await Promise.all(clients.map((client) => clientRow(deps, client)));
      return { rows, message: rows.length === 0 ? "There are no clients." : "" };
    },
  },
  "client show": {
    words: 1,
    run: async ({ deps }, _config, [id = ""]) => {
      const client = await find(deps, id);
      return {
        rows: [
          {
            ...(await clientRow(deps, client)),
            redirects: client.redirectUris.join(" "),
            logoutRedirects: client.logoutRedirectUris.join(" "),
            backChannel: client.backChannelUri ?? "",
            origins: client.origins.join(" "),
            consent: client.asksConsent,
            offline: client.mayStayOffline,
            secrets: await deps.clientSecrets.countGood(id, deps.now()),
          },
          ...(await deps.audit.listOfApplication(id, 20)).map(({ at, kind, detail }) => ({
            at,
            what: kind,
            how: detail,
          })),
        ],
      };
    },
  },
  "client rotate-secret": {
    words: 1,
    options: { overlap: text },
    run: async ({ deps }, _config, [id = ""], given) => {
      const client = await find(deps, id);
      if (client.kind !== "secret") throw new CannotBeDone(`${id} has no secret.`);
      const hours = wholeIn(given, "overlap", 0, 8760) ?? 24;
      const secret = await rotateSecret(deps, id, hours * 3600);
      return {
        rows: [{ id, secret }],
        message: `Its former secrets count for ${hours} more hours. This one is shown once.`,
      };
    },
  },
  "client remove": {
    words: 1,
    run: async ({ deps }, _config, [id = ""]) => {
      if (!(await removeClient(deps, id))) throw none(id);
      return { rows: [], message: `Removed ${id} with all that it held.` };
    },
  },
  "client admit": {
    words: 2,
    run: async ({ deps }, _config, [id = "", whom = ""]) => change(deps, id, whom, "admit"),
  },
  "client dismiss": {
    words: 2,
    run: async ({ deps }, _config, [id = "", whom = ""]) => change(deps, id, whom, "dismiss"),
  },
  "keys list": {
    words: 0,
    run: async ({ deps }) => ({
      rows: (await deps.signingKeys.list()).map(({ kid, algorithm, state, stateSince }) => {
        return { kid, algorithm, state, since: stateSince };
      }),
    }),
  },
  "keys rotate": {
    words: 0,
    options: { now: flag },
    run: async ({ deps }, config, _words, given) => {
      if (given["now"] === true) await renewKeys(deps, config.sessionKeys, config.oidc, true);
      else if (!(await publishNextKeys(deps, config.sessionKeys)))
        throw new CannotBeDone("The next keys are published already, and sign a day after that.");
      const when = given["now"] === true ? "now" : "tomorrow";
      await deps.audit.recordOfApplication(SIGNING_KEYS, "keys-rotated", deps.now(), when);
      const rows = (await deps.signingKeys.list()).map(({ kid, algorithm, state }) => ({ kid, algorithm, state }));
      const does = when === "now" ? "sign from now on" : "are published, and sign from tomorrow on";
      return { rows, message: `Other keys ${does}. Tokens that are signed can be verified as before.` };
    },
  },
};

async function change(deps: Deps, id: string, whom: string, how: "admit" | "dismiss") {
  await find(deps, id);
  const admitted = admittedIn(whom);
  if (admitted === null) throw new WrongUse(`${whom}: say everyone or group:NAME`);
  if (!(await changeAdmitted(deps, { id }, admitted, how)))
    throw new CannotBeDone(how === "admit" ? `${id} admits ${whom} already.` : `${id} does not admit ${whom}.`);
  const application = await deps.applications.find(id);
  return { rows: [{ id, admits: application === null ? "" : admitsOf(application) }] };
}

const REDIRECT_PROBLEMS: Readonly<Record<RedirectProblem, string>> = {
  malformed: "is no absolute address, or has a fragment, a blank or a *",
  "user-name": "has a user name in it",
  port: "has a port: a native client may use any, so leave it out",
  scheme: "must be https, http://127.0.0.1, http://[::1], or a scheme of its own with a dot in it",
  "not-https": "must be https",
};

function clientIn(id: string, given: Given, config: Config): Omit<Client, "createdAt"> {
  if (!isClientId(id)) throw new WrongUse("An id has letters, digits, dots, dashes and underscores, at most 64.");
  const kinds: ClientKind[] = [
    ...KIND_OPTIONS.filter((kind) => given[kind] === true),
    ...(given["key"] === undefined ? [] : (["key"] as const)),
  ];
  if (kinds.length > 1) throw new WrongUse("Give one of --public, --native, --device and --key.");
  const kind = kinds[0] ?? "secret";
  const [redirectUris, logoutRedirectUris] = [textsIn(given, "redirect"), textsIn(given, "logout-redirect")];
  if (redirectUris.length === 0 && kind !== "device") throw new WrongUse("Give one --redirect at least.");
  for (const uri of [...redirectUris, ...logoutRedirectUris]) {
    const problem = redirectProblem(uri, kind, !config.isProduction);
    if (problem !== null) throw new WrongUse(`${uri} ${REDIRECT_PROBLEMS[problem]}`);
  }
  const [backChannelUri = null] = textsIn(given, "back-channel");
  if (backChannelUri !== null && !/^https?:$/.test(protocolOf(backChannelUri)))
    throw new WrongUse(`${backChannelUri} must be an http or https address`);
  const origins = textsIn(given, "origin");
  for (const origin of origins)
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new WrongUse(`${origin} must be an origin: a scheme, a host and perhaps a port`);
  const [keyFile] = textsIn(given, "key");
  return {
    ...{ id, kind, redirectUris, logoutRedirectUris, backChannelUri, origins },
    jwks: keyFile === undefined ? null : keySetIn(keyFile),
    asksConsent: given["consent"] === true,
    mayStayOffline: given["offline"] === true,
  };
}

function protocolOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).protocol : "";
}

/** @returns the key set in a file, public keys alone. */
function keySetIn(file: string): string {
  let keys: unknown;
  try {
    const read = JSON.parse(readFileSync(file, "utf8")) as { keys?: unknown };
    keys = Array.isArray(read.keys) ? read.keys : [read];
  } catch {
    throw new WrongUse(`${file} is no file with a JSON Web Key or a set of them`);
  }
  const isPublic = (key: unknown): boolean =>
    typeof key === "object" &&
    key !== null &&
    ["RSA", "EC", "OKP"].includes(String((key as { kty?: unknown }).kty)) &&
    !("d" in key);
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isPublic))
    throw new WrongUse(`${file} must hold public keys (RSA, EC, OKP), and no private one`);
  return JSON.stringify({ keys });
}

/** What an application asks of everybody who signs in to it. */
export function demandsIn(given: Given, id: string): Pick<Application, "name" | "level" | "maxAgeSeconds"> {
  const [name = id] = textsIn(given, "name");
  if (plainText(name) !== name || name === "") throw new WrongUse("--name: plain text, at most 100 characters");
  return {
    name,
    level: (wholeIn(given, "level", 1, 3) ?? 2) as AssuranceLevel,
    maxAgeSeconds: wholeIn(given, "max-age", 1, 31_536_000),
  };
}

function textsIn(given: Given, name: string): string[] {
  return [given[name] ?? []].flat().map(String);
}

function wholeIn(given: Given, name: string, min: number, max: number): number | null {
  const [value] = textsIn(given, name);
  if (value === undefined) return null;
  if (!/^\d{1,9}$/.test(value) || Number(value) < min || Number(value) > max)
    throw new WrongUse(`--${name} must be a whole number from ${min} to ${max}`);
  return Number(value);
}

function none(id: string): CannotBeDone {
  return new CannotBeDone(`There is no client ${id}. Run \`client list\` to see all of them.`);
}

async function find({ clients }: Pick<Deps, "clients">, id: string): Promise<Client> {
  const client = await clients.find(id);
  if (client === null) throw none(id);
  return client;
}

function admitsOf({ admitsEveryone, groups }: Application): string {
  return [...(admitsEveryone ? ["everyone"] : []), ...groups.map((group) => `group:${group}`)].join(" ") || "nobody";
}

async function clientRow({ applications }: Pick<Deps, "applications">, { id, kind, createdAt }: Client) {
  const application = await applications.find(id);
  return {
    ...{ id, name: application?.name ?? "", kind, level: application?.level ?? null },
    ...{
      maxAge: application?.maxAgeSeconds ?? null,
      admits: application === null ? "" : admitsOf(application),
      createdAt,
    },
  };
}
