/** The package `qr`, which the server gives to pages from its own folder. */
declare module "*/qr/decode.js" {
  /** @returns the text of the code. @throws when there is none. */
  export default function decodeQR(image: ImageData): string;
}
