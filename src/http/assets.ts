import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import type Koa from "koa";
import mount from "koa-mount";
import serve from "koa-static";

import { projectRoot } from "./project-root.js";

const FOLDER = path.join(projectRoot(), "views", "assets");
/** The package that reads QR codes for phones whose browser cannot, as it is: only these two modules of it. */
const QR_FOLDER = path.dirname(fileURLToPath(import.meta.resolve("qr/decode.js")));
const QR_MODULES = ["decode.js", "index.js"];
const QR = /^\/qr(?=\/)/;
const VERSION = /^\/[0-9a-f]{12}(?=\/)/;

/**
 * Changes with any style or module, so that a new page never meets an old module that a browser or proxy has kept.
 *
 * @param more - Files besides those of the folder.
 */
export function versionOf(folder: string, more: readonly string[] = []): string {
  const hash = createHash("sha256");
  const own = readdirSync(folder).map((name) => path.join(folder, name));
  for (const file of [...own.sort(), ...more]) hash.update(`${path.basename(file)}\0`).update(readFileSync(file));
  return hash.digest("hex").slice(0, 12);
}

/** Where one of them lies. */
export function assetFile(name: string): string {
  return path.join(FOLDER, name);
}

/** Where pages find their styles and modules. Modules name each other by relative paths, and so stay in one version. */
export const assetsPath = `/assets/${versionOf(
  FOLDER,
  QR_MODULES.map((name) => path.join(QR_FOLDER, name)),
)}`;

/**
 * Serves styles and modules, under whichever version a page asks for: one that was rendered by another release gets what
 * this one has.
 */
export function assets(isProduction: boolean): Koa.Middleware {
  const options: serve.Options = {
    maxage: isProduction ? 3_600_000 : 0,
    setHeaders: (res) => res.setHeader("Cache-Control", isProduction ? "public, max-age=3600" : "no-cache"),
  };
  const [files, qr] = [serve(FOLDER, options), serve(QR_FOLDER, options)];
  return mount("/assets", async function serveAsset(ctx, next) {
    ctx.path = ctx.path.replace(VERSION, "");
    if (QR_MODULES.some((name) => ctx.path === `/qr/${name}`)) {
      ctx.path = ctx.path.replace(QR, "");
      await qr(ctx, next);
    } else await files(ctx, next);
    await compress(ctx);
  });
}

const CODINGS = { br: promisify(brotliCompress), gzip: promisify(gzip) };
/** Each file as it was when it was first asked for: of one release there are few. */
const compressed = new Map<string, Buffer>();

/** Styles and modules are public and the same for all, so that their size tells nothing. */
async function compress(ctx: Koa.Context): Promise<void> {
  if (!(ctx.body instanceof Readable)) return;
  ctx.vary("Accept-Encoding");
  const coding = ctx.acceptsEncodings("br", "gzip", "identity");
  if (coding !== "br" && coding !== "gzip") return;
  const key = `${coding} ${ctx.path} ${ctx.response.get("Last-Modified")}`;
  let small = compressed.get(key);
  if (small === undefined) compressed.set(key, (small = await CODINGS[coding](await buffer(ctx.body))));
  ctx.body = small;
  ctx.set("Content-Encoding", coding);
}
