import got from "got";
import { type Page } from "playwright-core";
import { answer, openRequest, type PhoneRequest } from "../../kit/story.js";
import { readQrCode } from "../../kit/qr-code.js";

/** A person's phone in the sandbox, in front of a page in the browser. */
export class Phone {
  private authyId = 0;

  /**
   * @param sandbox - The sandbox's address.
   * @param name - A phone that exists already; without it the first scan makes a new one.
   */
  constructor(
    private readonly sandbox: string,
    private name?: string,
  ) {}

  /** Scans the QR code that the page shows. @returns the phone's name. */
  async scan(page: Page): Promise<string> {
    const source = (await page.getByRole("img", { name: "QR code" }).getAttribute("src")) ?? "";
    const picture = await page.request.get(new URL(source, page.url()).href);
    const url = readQrCode(await picture.text());
    const json = { url, ...(this.name === undefined ? {} : { phone: this.name }) };
    const scanned = await got
      .post(`${this.sandbox}/phone/scan`, { json })
      .json<{ authy_id: number; phone: { name: string } }>();
    this.authyId = scanned.authy_id;
    this.name = scanned.phone.name;
    return scanned.phone.name;
  }

  /** The request that waits for an answer. */
  request(): Promise<PhoneRequest> {
    return openRequest(this.sandbox, this.authyId);
  }

  /** @returns the code of the request, where one must be typed. */
  async approve(): Promise<string> {
    const request = await this.request();
    await answer(this.sandbox, request.uuid, "approve");
    return request.details["Code"] ?? "";
  }

  async deny(): Promise<void> {
    await answer(this.sandbox, (await this.request()).uuid, "deny");
  }

  /** Lets Authy misbehave from now on; nothing given: lets it behave. */
  async faults(faults: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await got.put(`${this.sandbox}/faults`, { json: faults });
  }
}
