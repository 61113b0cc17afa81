import type { Context } from "./context.js";
import { readCookie, setCookie } from "./cookies.js";
import type { HttpDeps } from "./deps.js";
import { seeOther } from "./views.js";

/** As long as somebody may look at the page before they go on. */
const FOR_MS = 600_000;
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
export async function onward(deps: HttpDeps, ctx: Context): Promise<{ next: string; name: string } | null> {
  const next = readCookie(ctx, "onward");
  const name = await applicationBehind(deps, next);
  return name === null ? null : { next, name };
}

/** The name of the application that a path of ours leads to; null where it leads to none. */
export async function applicationBehind(deps: HttpDeps, next: string): Promise<string | null> {
  return (await wayOut(next)?.(deps, new URL(next, HERE))) ?? null;
}

function wayOut(next: string): NameOfApplication | undefined {
  const { pathname } = new URL(next, HERE);
  return WAYS_OUT.find(([path]) => pathname === path || pathname.startsWith(`${path}/`))?.[1];
}
