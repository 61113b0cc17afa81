import type { Context } from "./context.js";

/** Over https a cookie gets the `__Host-` prefix: no subdomain can set it. */
export function cookieName(name: string, isHttps: boolean): string {
  return isHttps ? `__Host-countersign-${name}` : `countersign-${name}`;
}

/** What the browser brought under this name and we signed; empty when there is nothing. */
export function readCookie(ctx: Context, name: string): string {
  return ctx.cookies.get(cookieName(name, ctx.state.isHttps), { signed: true }) ?? "";
}

/** Whether any cookie of ours came; other programs of the same site may have theirs. */
export function sentOurCookies(ctx: Context): boolean {
  const prefix = cookieName("", ctx.state.isHttps);
  return ctx
    .get("Cookie")
    .split(";")
    .some((pair) => pair.trimStart().startsWith(prefix));
}

/** Gives the browser a cookie that scripts cannot read; without a life in ms it ends with the browser. */
export function setCookie(
  ctx: Context,
  name: string,
  value: string | null,
  lifeMs?: number,
  sameSite: "lax" | "strict" = "lax",
): void {
  const { isHttps } = ctx.state;
  // Behind a proxy that ends TLS, Koa may see plain http and would refuse to set a secure cookie.
  if (isHttps) (ctx.cookies as unknown as { secure: boolean }).secure = true;
  const options = {
    signed: true,
    httpOnly: true,
    secure: isHttps,
    sameSite,
    path: "/",
    overwrite: true,
  } as const;
  ctx.cookies.set(cookieName(name, isHttps), value, lifeMs === undefined ? options : { ...options, maxAge: lifeMs });
}

/** Takes a cookie back. */
export function forgetCookie(ctx: Context, name: string): void {
  setCookie(ctx, name, null);
}
