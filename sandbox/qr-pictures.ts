import { randomBytes } from "node:crypto";
import { toBuffer } from "qrcode";

const KEPT = 100;

/** QR codes that the sandbox serves as pictures, each under an address that cannot be guessed. In memory only. */
export class QrPictures {
  readonly #pictures = new Map<string, { text: string; size: number }>();

  /** @returns the path of the picture */
  add(text: string, size: number): string {
    const name = `${randomBytes(16).toString("hex")}.png`;
    this.#pictures.set(name, { text, size });
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > KEPT && oldest !== undefined) this.#pictures.delete(oldest);
    return `/qr_codes/${name}`;
  }

  /** The picture as PNG; null when there is none of this name. */
  async png(name: string): Promise<Buffer | null> {
    const picture = this.#pictures.get(name);
    return picture === undefined ? null : toBuffer(picture.text, { width: picture.size, type: "png" });
  }
}
