import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type Koa from "koa";
import mount from "koa-mount";
import serve from "koa-static";

import { projectRoot } from "./project-root.js";

const FOLDER = path.join(projectRoot(), "views", "assets");
const VERSION = /^\/[0-9a-f]{12}(?=\/)/;

/** Changes with any style or module, so that a new page never meets an old module that a browser or proxy has kept. */
export function versionOf(folder: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(folder).sort()) hash.update(`${name}\0`).update(readFileSync(path.join(folder, name)));
  return hash.digest("hex").slice(0, 12);
}

/** Where one of them lies. */
export function assetFile(name: string): string {
  return path.join(FOLDER, name);
}

/** Where pages find their styles and modules. Modules name each other by relative paths, and so stay in one version. */
export const assetsPath = `/assets/${versionOf(FOLDER)}`;

/**
 * Serves styles and modules, under whichever version a page asks for: one that was rendered by another release gets what
 * this one has.
 */
export function assets(isProduction: boolean): Koa.Middleware {
  const files = serve(FOLDER, {
    maxage: isProduction ? 3_600_000 : 0,
    setHeaders: (res) => res.setHeader("Cache-Control", isProduction ? "public, max-age=3600" : "no-cache"),
  });
  return mount("/assets", async function serveAsset(ctx, next) {
    ctx.path = ctx.path.replace(VERSION, "");
    await files(ctx, next);
  });
}
