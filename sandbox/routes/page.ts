import type Router from "@koa/router";
import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
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

const HEADERS = {
  "Content-Security-Policy": CSP,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Permissions-Policy": "camera=(self)",
  "Cache-Control": "no-cache",
};

const PAGE = join(import.meta.dirname, "../page");
const QR = dirname(fileURLToPath(import.meta.resolve("qr/decode.js")));

/** The page's files, each under its own route; nothing else is served from the disk. */
const FILES: Readonly<Record<string, string>> = {
  "/": join(PAGE, "index.html"),
  "/icon.svg": join(PAGE, "icon.svg"),
  "/phone.css": join(PAGE, "phone.css"),
  ...Object.fromEntries(
    [
      "phone",
      "element",
      "send",
      "clock",
      "request-card",
      "phone-card",
      "delivery-list",
      "mail-line",
      "qr-reader",
      "scan-dialog",
    ].map((name) => [`/${name}.js`, join(PAGE, `${name}.js`)]),
  ),
  "/vendor/qr/decode.js": join(QR, "decode.js"),
  "/vendor/qr/index.js": join(QR, "index.js"),
};

/** The phone page, its files, and the pictures that the API hands out. */
export function pageRoutes(router: Router, pictures: QrPictures): void {
  for (const [path, file] of Object.entries(FILES))
    router.get(path, async function pageFile(ctx) {
      ctx.set(HEADERS);
      ctx.type = extname(file);
      ctx.body = await readFile(file);
    });

  router.get("/manifest.webmanifest", function manifest(ctx) {
    ctx.set(HEADERS);
    ctx.type = "application/manifest+json";
    ctx.body = JSON.stringify(manifestOf(ctx.query["phone"]));
  });

  router.get("/qr_codes/:name", async function qrPicture(ctx) {
    const png = await pictures.png(ctx.params["name"] ?? "");
    if (png === null) throw new PhoneProblem(404, "unknown_picture", "There is no such picture.");
    ctx.set("Cache-Control", "no-store");
    ctx.type = "image/png";
    ctx.body = png;
  });
}

/** Installed from the page of one phone, the app opens with that phone alone. */
function manifestOf(phone: string | string[] | undefined): object {
  const query = typeof phone === "string" ? `?${new URLSearchParams({ phone }).toString()}` : "";
  return {
    id: `/${query}`,
    name: "Phone of the Authy sandbox",
    short_name: "Phone",
    start_url: `/${query}`,
    scope: "/",
    display: "standalone",
    background_color: "#faf8f3",
    theme_color: "#faf8f3",
    icons: [{ src: "/icon.svg", sizes: "any", type: "image/svg+xml", purpose: "any maskable" }],
  };
}
