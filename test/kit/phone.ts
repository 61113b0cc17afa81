import { until } from "./until.js";

/** A request on the sandbox's phone. */
export interface PhoneRequest {
  readonly uuid: string;
  readonly authy_id: number;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  readonly status: string;
}

/** The sandbox's phones, as the people who hold them use them, and its faults. */
export interface Phone {
  /** The sandbox's address. */
  readonly url: string;
  /** Scans a QR code's text with a new phone, or with that of an authy_id. @returns the phone's authy_id. */
  scan(text: string, authyId?: number): Promise<number>;
  /** Requests of one phone, or of all, the newest first. */
  requests(authyId?: number): Promise<PhoneRequest[]>;
  /** The newest open request of one phone, or of all; waits until one comes. */
  openRequest(authyId?: number): Promise<PhoneRequest>;
  /** @throws when the sandbox refuses, for instance since the request has run out. */
  answer(uuid: string, action: "approve" | "deny"): Promise<void>;
  /** The code that the app shows now. */
  code(authyId: number): Promise<string>;
  /** Lets Authy misbehave from now on; without faults it behaves. */
  faults(faults?: Readonly<Record<string, unknown>>): Promise<void>;
}

/** @param url - The sandbox's address. */
export function openPhone(url: string): Phone {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(url + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the sandbox answered ${response.status} to ${method} ${path}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const phone: Phone = {
    url,
    async scan(text, authyId) {
      const given = { url: text, ...(authyId === undefined ? {} : { phone: String(authyId) }) };
      return ((await call("POST", "/phone/scan", given)) as { authy_id: number }).authy_id;
    },
    async requests(authyId) {
      const { requests } = (await call("GET", "/phone/requests")) as { requests: PhoneRequest[] };
      return authyId === undefined ? requests : requests.filter((each) => each.authy_id === authyId);
    },
    openRequest: (authyId) =>
      until(
        async () => (await phone.requests(authyId)).find(({ status }) => status === "pending"),
        "no request arrived on the phone",
      ),
    async answer(uuid, action) {
      await call("POST", `/phone/requests/${uuid}`, { action });
    },
    code: async (authyId) => ((await call("GET", `/phone/code/${authyId}`)) as { code: string }).code,
    async faults(faults = {}) {
      await call("PUT", "/faults", faults);
    },
  };
  return phone;
}
