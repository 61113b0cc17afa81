import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";

import type { Figure } from "./turns.js";

const PAGE = "docs/performance.md";
const PICTURE = "docs/performance.svg";
const [BEGIN, END] = ["<!-- figures -->", "<!-- end of figures -->"];

/** A figure in three digits. */
function text(figure: number): string {
  return figure >= 1000 ? Math.round(figure).toLocaleString("en") : String(Number(figure.toPrecision(3)));
}

/** How many times the bare one, or how much more. */
function against({ must, unit, ratio }: Figure): string {
  return "atMostMore" in must ? `+ ${text(ratio)} ${unit}` : `${text(ratio)} ×`;
}

function bound({ must, unit }: Figure): string {
  if ("atMostMore" in must) return `≤ + ${text(must.atMostMore)} ${unit}`;
  return "atMost" in must ? `≤ ${text(must.atMost)}` : `≥ ${text(must.atLeast)}`;
}

/** Whether the ratio is what it must be. */
export function isKept({ must, ratio }: Figure): boolean {
  if ("atMostMore" in must) return ratio <= must.atMostMore;
  return "atMost" in must ? ratio <= must.atMost : ratio >= must.atLeast;
}

/** One line for the terminal. */
export function lineOf(figure: Figure): string {
  const { name, unit, bare, product, least, most } = figure;
  const cells = [name.padEnd(40), text(bare).padStart(8), text(product).padStart(8), unit.padEnd(2)];
  return `${cells.join(" ")}  ${against(figure)} (${text(least)} to ${text(most)}), must be ${bound(figure)}`;
}

/** Puts the figures, and what they were measured on, into the page and the picture of the documentation. */
export function writeReport(figures: readonly Figure[], rounds: string): void {
  const rows = figures.map((figure) => {
    const { name, unit, bare, product, least, most } = figure;
    const spread = `${text(least)} to ${text(most)}`;
    return `| ${name} | ${text(bare)} ${unit} | ${text(product)} ${unit} | ${against(figure)} | ${spread} | ${bound(figure)} |`;
  });
  const redis = /v=(\S+)/.exec(spawnSync("redis-server", ["--version"], { encoding: "utf8" }).stdout)?.[1];
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, ${process.platform}`;
  const measured = [
    "| figure | bare | product | ratio | spread | must be |",
    "|---|--:|--:|--:|--:|--:|",
    ...rows,
    "",
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${machine}, Node.js ${process.version}, Redis ${redis ?? "unknown"},`,
    `SQLite, one web process, ${rounds}. Load of the machine at the end, the benchmark included: ${text(loadavg()[0] ?? NaN)}.`,
  ].join("\n");
  const page = readFileSync(PAGE, "utf8");
  const [before] = page.split(BEGIN);
  const after = page.slice(page.indexOf(END));
  writeFileSync(PAGE, `${before ?? ""}${BEGIN}\n\n${measured}\n\n${after}`);
  writeFileSync(PICTURE, picture(figures));
}

const [WIDTH, LABEL, ROW, TOP] = [760, 300, 34, 40];

/** One bar for each ratio, as a share of what it must be: the line is the bound, and short of it is better. */
function picture(figures: readonly Figure[]): string {
  const share = ({ must, ratio }: Figure): number => {
    if ("atMostMore" in must) return Math.max(0, ratio) / must.atMostMore;
    return "atMost" in must ? ratio / must.atMost : must.atLeast / ratio;
  };
  const most = Math.max(1.25, ...figures.map(share));
  const scale = (WIDTH - LABEL - 90) / most;
  const height = TOP + figures.length * ROW + 10;
  const bars = figures.map((figure, at) => {
    const y = TOP + at * ROW;
    const width = Math.round(share(figure) * scale);
    const colour = isKept(figure) ? "#3a7d44" : "#b3392f";
    return [
      `<text x="${LABEL - 10}" y="${y + 17}" text-anchor="end">${figure.name}</text>`,
      `<rect x="${LABEL}" y="${y + 3}" width="${width}" height="20" fill="${colour}"/>`,
      `<text x="${LABEL + width + 6}" y="${y + 17}">${against(figure)}</text>`,
    ].join("\n");
  });
  const limit = Math.round(LABEL + scale);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${LABEL}" y="18">ratio to the bare server, against what it must be</text>
${bars.join("\n")}
<line x1="${limit}" x2="${limit}" y1="${TOP - 12}" y2="${height - 8}" stroke="#333333" stroke-dasharray="4 3"/>
<text x="${limit + 4}" y="${TOP - 4}">must be</text>
</svg>
`;
}
