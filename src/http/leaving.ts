import { safeNext } from "../domain/next-path.js";
import type { Context } from "./context.js";
import { forgetCookie, readCookie, setCookie } from "./cookies.js";
import type { HttpDeps } from "./deps.js";
import { seeOther } from "./views.js";

/** As long as somebody may look at the page before they go on. */
const FOR_MS = 600_000;
/** As long as a new password, or another phone, may take. */
const WANTED_FOR_MS = 1_800_000;
const HERE = "http://here.invalid";

type NameOfApplication = (deps: HttpDeps, url: URL) => Promise<string | null>;

/** The addresses of ours that end in a redirect to an application, by how their paths begin, and how that is found by name. */
const WAYS_OUT: readonly (readonly [path: string, nameOf: NameOfApplication])[] = [
  [
    "/gate",
    async ({ sites, applications }, url) => {
      const site = await sites.find(url.searchParams.get("site") ?? "");
      return site && ((await applications.find(site.applicationId))?.name ?? null);
    },
  ],
  [
    "/oidc",
    async ({ applications }, url) => (await applications.find(url.searchParams.get("client_id") ?? ""))?.name ?? null,
  ],
];

/**
 * On to a path of ours, as `seeOther`. Where that leads out to an application there is a page in between: Chromium applies
 * `form-action` to every redirect that follows a form, so a form never leads to another origin.
 *
 * @param next - From an attempt or a checked field; never from an address alone.
 */
export function goOn(ctx: Context, next: string): void {
  if (wayOut(next) === undefined) {
    seeOther(ctx, next);
    return;
  }
  setCookie(ctx, "onward", next, FOR_MS);
  seeOther(ctx, "/continue");
}

/** Where this browser goes on to, and whose application that is; null when it is not leaving. */
export function onward(deps: HttpDeps, ctx: Context): Promise<{ next: string; name: string } | null> {
  return wayIn(deps, readCookie(ctx, "onward"));
}

async function wayIn(deps: HttpDeps, next: string): Promise<{ next: string; name: string } | null> {
  const name = await applicationBehind(deps, next);
  return name === null ? null : { next, name };
}

/** Keeps where this browser wanted to go, over what has to be done first. The account's page is where everybody ends anyway. */
export function keepWanted(ctx: Context, path: string): void {
  const wanted = path === "/continue" ? readCookie(ctx, "onward") : safeNext(path);
  if (wanted !== "" && wanted !== "/account") setCookie(ctx, "wanted", wanted, WANTED_FOR_MS);
}

/** On to where this browser wanted to go before something had to be done, as `goOn`; else to the account's page. */
export function goOnToWanted(ctx: Context): void {
  const wanted = readCookie(ctx, "wanted");
  forgetCookie(ctx, "wanted");
  goOn(ctx, safeNext(wanted));
}

/** The application that this browser wanted to go to before something had to be done; null where there was none. */
export function wantedApplication(deps: HttpDeps, ctx: Context): Promise<{ next: string; name: string } | null> {
  return wayIn(deps, readCookie(ctx, "wanted"));
}

/** The name of the application that a path of ours leads to; null where it leads to none. */
export async function applicationBehind(deps: HttpDeps, next: string): Promise<string | null> {
  return (await wayOut(next)?.(deps, new URL(next, HERE))) ?? null;
}

function wayOut(next: string): NameOfApplication | undefined {
  const { pathname } = new URL(next, HERE);
  return WAYS_OUT.find(([path]) => pathname === path || pathname.startsWith(`${path}/`))?.[1];
}
