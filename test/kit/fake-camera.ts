import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import QRCode from "qrcode";

import type { Owner } from "./owner.js";

const [WIDTH, HEIGHT] = [640, 480];
const [DARK, LIGHT] = [16, 235];
const QUIET_MODULES = 4;

/** A camera of Chromium that sees whatever is held in front of it. */
export interface FakeCamera {
  /** What Chromium has to be started with. */
  readonly args: readonly string[];
  /** Holds a QR code in front of it, for when it is opened next. */
  show(text: string): void;
}

/** @see https://wiki.multimedia.cx/index.php/YUV4MPEG2 for the file that stands for the camera */
export function fakeCamera(owner: Owner): FakeCamera {
  const folder = mkdtempSync(path.join(tmpdir(), "countersign-camera-"));
  owner.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = path.join(folder, "seen.y4m");
  const show = (text: string): void => {
    const colours = Buffer.alloc((WIDTH * HEIGHT) / 2, 128); // none
    const head = `YUV4MPEG2 W${WIDTH} H${HEIGHT} F5:1 Ip A1:1 C420\nFRAME\n`;
    writeFileSync(file, Buffer.concat([Buffer.from(head), luma(text), colours]));
  };
  show("nothing yet");
  return {
    args: [
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${file}`,
    ],
    show,
  };
}

function luma(text: string): Buffer {
  const { modules } = QRCode.create(text, { errorCorrectionLevel: "M" });
  const scale = Math.floor(HEIGHT / (modules.size + 2 * QUIET_MODULES));
  const [left, top] = [WIDTH, HEIGHT].map((side) => Math.floor((side - modules.size * scale) / 2)) as [number, number];
  const pixels = Buffer.alloc(WIDTH * HEIGHT, LIGHT);
  for (let row = 0; row < modules.size * scale; row += 1)
    for (let column = 0; column < modules.size * scale; column += 1)
      if (modules.get(Math.floor(row / scale), Math.floor(column / scale)) !== 0)
        pixels[(top + row) * WIDTH + left + column] = DARK;
  return pixels;
}
