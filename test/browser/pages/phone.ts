import type { Page } from "playwright-core";
import type { Phone, PhoneRequest } from "../../kit/phone.js";
import { readQrCode } from "../../kit/qr-code.js";

/** One person's phone, held in front of a page in the browser. */
export interface HeldPhone {
  /** 0 before the first scan, which makes a phone. */
  readonly authyId: number;
  /** Scans the QR code that the page shows. */
  scan(page: Page): Promise<void>;
  /** @returns the request that was approved. */
  approve(): Promise<PhoneRequest>;
  deny(): Promise<void>;
}

/** @param authyId - A phone that exists already; without it the first scan makes a new one. */
export function holdPhone(phone: Phone, authyId?: number): HeldPhone {
  return {
    get authyId() {
      return authyId ?? 0;
    },
    async scan(page) {
      const source = (await page.getByRole("img", { name: "QR code" }).getAttribute("src")) ?? "";
      const picture = await page.request.get(new URL(source, page.url()).href);
      authyId = await phone.scan(readQrCode(await picture.text()), authyId);
    },
    async approve() {
      const request = await phone.openRequest(authyId);
      await phone.answer(request.uuid, "approve");
      return request;
    },
    async deny() {
      await phone.answer((await phone.openRequest(authyId)).uuid, "deny");
    },
  };
}
