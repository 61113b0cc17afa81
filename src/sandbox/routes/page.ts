import type Router from "@koa/router";
import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PhoneProblem } from "../phone.js";
import type { QrPictures } from "../qr-pictures.js";

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob: https: http:", // logos of approval requests come from anywhere
  "media-src 'self' blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "object-src 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** The page's files, each under its own route; nothing else is served from the disk. */
const FILES: Readonly<Record<string, { file: string; type: string }>> = {
  "/": { file: "src/sandbox/page/index.html", type: "text/html" },
  "/phone.css": { file: "src/sandbox/page/phone.css", type: "text/css" },
  "/phone.js": { file: "src/sandbox/page/phone.js", type: "text/javascript" },
};

/** The phone page. */
export function pageRoutes(router: Router, pictures: QrPictures): void {
  const root = packageRoot();
  for (const [path, { file, type }] of Object.entries(FILES))
    router.get(path, async function pageFile(ctx) {
      ctx.set({
        "Content-Security-Policy": CSP,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(self)",
        "Cache-Control": "no-cache",
      });
      ctx.type = type;
      ctx.body = await readFile(join(root, file));
    });

  router.get("/qr_codes/:name", async function qrPicture(ctx) {
    const png = await pictures.png(ctx.params["name"] ?? "");
    if (png === null) throw new PhoneProblem(404, "unknown_picture", "There is no such picture.");
    ctx.set("Cache-Control", "no-store");
    ctx.type = "image/png";
    ctx.body = png;
  });
}

/** The folder that holds package.json: this file lies at another depth once it is compiled. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
