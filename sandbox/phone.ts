import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { Secret } from "otpauth";
import { userNotFound } from "./authy-error.js";
import type { Sandbox } from "./sandbox.js";
import type { Phone } from "./state.js";

/** Numbers that are set aside for fiction yet well formed: +1 NXX 555-01NN. */
const AREA_CODES = [
  "202",
  "303",
  "404",
  "505",
  "606",
  "707",
  "808",
  "212",
  "312",
  "415",
  "512",
  "617",
  "713",
  "816",
  "919",
];
const MAX_PHONES = 1_500;

/** A phone the sandbox will not make or find; the page shows the message. */
export class PhoneProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "PhoneProblem";
  }
}

/**
 * Adds a phone with an authy_id of its own. Ids are random, so that one from before a restart never names somebody else.
 *
 * @throws PhoneProblem when there are 1,500 phones already.
 */
export function addPhone(
  sandbox: Sandbox,
  given: Partial<Pick<Phone, "name" | "countryCode" | "number" | "email">> = {},
): Phone {
  const { phones } = sandbox.state;
  if (phones.length >= MAX_PHONES)
    throw new PhoneProblem(409, "too_many_phones", `There are ${MAX_PHONES} phones already. Remove some first.`);
  const ordinal = phones.length + 1;
  const phone: Phone = {
    id: randomUUID(),
    name: given.name ?? `Phone ${ordinal}`,
    countryCode: given.countryCode ?? "1",
    number: given.number ?? freeNumber(phones),
    email: given.email ?? `phone-${ordinal}@sandbox.example`,
    authyId: freeAuthyId(phones),
    deviceId: randomInt(1_000_000, 10_000_000),
    userId: randomBytes(12).toString("hex"),
    secret: new Secret({ size: 20 }).base32,
    genericSecret: null,
    installed: true,
    member: false,
    confirmed: false,
    createdAt: sandbox.now(),
    seenAt: sandbox.now(),
    spentSteps: [],
  };
  phones.push(phone);
  return phone;
}

function freeAuthyId(phones: readonly Phone[]): number {
  for (;;) {
    const authyId = randomInt(100_000_000, 1_000_000_000);
    if (!phones.some((phone) => phone.authyId === authyId)) return authyId;
  }
}

function freeNumber(phones: readonly Phone[]): string {
  const taken = new Set(phones.map((phone) => phone.number));
  for (const area of AREA_CODES)
    for (let line = 100; line < 200; line++) {
      const number = `${area}5550${line}`;
      if (!taken.has(number)) return number;
    }
  throw new Error("more phones than numbers");
}

/** The user of the application with this authy_id. @throws AuthyError 60026 */
export function member(sandbox: Sandbox, authyId: string): Phone {
  const phone = sandbox.state.phones.find((phone) => phone.member && String(phone.authyId) === authyId);
  if (!phone) throw userNotFound();
  return phone;
}

/** A phone by its id, name, number (with or without country code) or authy_id; undefined when there is none. */
export function findPhone(sandbox: Sandbox, text: string): Phone | undefined {
  const digits = digitsOf(text);
  return sandbox.state.phones.find(
    (phone) =>
      phone.id === text ||
      phone.name === text ||
      String(phone.authyId) === text ||
      (digits !== "" && (phone.number === digits || `${phone.countryCode}${phone.number}` === digits)),
  );
}

/** The phone that somebody names in a scan, made when it is new. A name of digits is the number of a new phone. */
export function phoneCalled(sandbox: Sandbox, text: string): Phone {
  const found = findPhone(sandbox, text);
  if (found) return found;
  const digits = digitsOf(text);
  return addPhone(sandbox, digits.length >= 7 ? { number: digits.replace(/^1(?=\d{10}$)/, "") } : { name: text });
}

const digitsOf = (text: string): string => (/^\+?[\d\s().-]+$/.test(text) ? text.replace(/\D/g, "") : "");

/** As people write it: `+1 202 555 0101`, or `+254 712345678` where the grouping is not known. */
export function writtenNumber({ countryCode, number }: Phone): string {
  return `+${countryCode} ${countryCode === "1" ? number.replace(/^(\d{3})(\d{3})(\d{4})$/, "$1 $2 $3") : number}`;
}

/** `XXX-XXX-4321` */
export const maskedNumber = (phone: Phone): string => `XXX-XXX-${phone.number.slice(-4)}`;
