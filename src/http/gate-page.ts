import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";

import type { Context } from "./context.js";
import { projectRoot } from "./project-root.js";
import type { TextKey } from "./text.js";
import { show } from "./views.js";

/** The page's own style sheet, which stands in it: on another origin than ours nothing of ours can be loaded. */
const STYLE = readFileSync(path.join(projectRoot(), "views/assets/gate.css"), "utf8");
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** What is said on a site's own origin. */
export type GatePage = "try-again" | "no-cookie" | "sign-in-first" | "refused";

/**
 * Answers with a page that stands alone.
 *
 * @param link - Where its one button leads, in a new tab where the present one must be kept.
 */
export function showGatePage(
  ctx: Context,
  page: GatePage,
  status: number,
  name: string,
  link: { readonly to: string; readonly isNewTab?: boolean } | null,
): void {
  const { text } = ctx.state;
  const words = (part: "title" | "message"): string => text(`gate.${page}.${part}` satisfies TextKey, { name });
  show(
    ctx,
    "gate",
    {
      ...{ style: STYLE, title: words("title"), message: words("message"), status },
      link: link && { ...link, label: text("gate.go") },
    },
    status,
  );
  ctx.set("Content-Security-Policy", POLICY);
}
