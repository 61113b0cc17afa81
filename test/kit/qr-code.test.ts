import assert from "node:assert/strict";
import { describe, it } from "node:test";
import QRCode from "qrcode";
import { readQrCode } from "./qr-code.js";

describe("reading a QR code", () => {
  it("gives back the text, short and long, at every size and margin", async () => {
    for (const length of [5, 120, 450]) {
      const text = `authy://account?token=${"eyJ0.a_B-9".repeat(50).slice(0, length)}`;
      for (const options of [{}, { margin: 1 }, { width: 280, errorCorrectionLevel: "H" as const }]) {
        assert.equal(readQrCode(await QRCode.toString(text, { ...options, type: "svg" })), text);
      }
    }
  });

  it("refuses a picture without a code", () => {
    assert.throws(() => readQrCode("<html></html>"), /no QR code/);
    assert.throws(
      () => readQrCode('<svg viewBox="0 0 21 21"><path stroke="#000" d="M0 0.5h21"/></svg>'),
      /could not be read/,
    );
  });
});
