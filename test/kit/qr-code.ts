import jsQR from "jsqr";
import { parse } from "node-html-parser";

const PIXELS_PER_MODULE = 4;

/**
 * Reads a QR code as a camera would: draws the SVG's modules as pixels and decodes the picture.
 *
 * @param svg - What the `qrcode` package draws: a viewBox in modules, and a stroked path of horizontal runs.
 * @throws when there is no such path, or no code in it.
 */
export function readQrCode(svg: string): string {
  const root = parse(svg);
  const [, , width = 0, height = 0] = (root.querySelector("svg")?.getAttribute("viewBox") ?? "")
    .split(/[\s,]+/)
    .map(Number);
  const modules = root.querySelector("path[stroke]")?.getAttribute("d");
  if (modules === undefined || !(width > 0 && height > 0)) throw new Error("there is no QR code in this SVG");
  const [columns, rows] = [width * PIXELS_PER_MODULE, height * PIXELS_PER_MODULE];
  const pixels = new Uint8ClampedArray(columns * rows * 4).fill(255);
  for (const { x, y, length } of runs(modules)) {
    for (let row = y * PIXELS_PER_MODULE; row < (y + 1) * PIXELS_PER_MODULE; row++) {
      const start = (row * columns + x * PIXELS_PER_MODULE) * 4;
      pixels.fill(0, start, start + length * PIXELS_PER_MODULE * 4);
    }
  }
  for (let alpha = 3; alpha < pixels.length; alpha += 4) pixels[alpha] = 255;
  const found = jsQR.default(pixels, columns, rows);
  if (found === null) throw new Error("the QR code could not be read");
  return found.data;
}

interface Run {
  readonly x: number;
  readonly y: number;
  readonly length: number;
}

/** The path's dark runs: `M x y` goes to a row's middle, `m dx dy` skips, `h length` draws. */
function runs(path: string): Run[] {
  const found: Run[] = [];
  let [x, y] = [0, 0];
  for (const [, command, rest = ""] of path.matchAll(/([A-Za-z])([^A-Za-z]*)/g)) {
    const [first = 0, second = 0] = rest
      .trim()
      .split(/[\s,]+/)
      .map(Number);
    if (command === "M") [x, y] = [first, second];
    else if (command === "m") [x, y] = [x + first, y + second];
    else if (command === "h") {
      found.push({ x, y: Math.floor(y), length: first });
      x += first;
    } else throw new Error(`a QR code's path has no ${command ?? "such"} command`);
  }
  return found;
}
