import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

import type { Answer, Browser } from "./browser.js";

/** What the server asks for, as far as authenticators look at it. */
interface Asked {
  readonly challenge: string;
  readonly rpId?: string;
  readonly rp?: { readonly id: string };
  readonly user?: { readonly id: string };
  readonly allowCredentials?: readonly { readonly id: string }[];
  readonly excludeCredentials?: readonly { readonly id: string }[];
}

/** What an honest authenticator and browser would not do. */
export interface Twist {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly crossOrigin?: boolean;
  readonly isUnlocked?: boolean;
  readonly isPresent?: boolean;
  readonly counter?: number;
  readonly userHandle?: string | null;
  /** Signs in the place of the credential's own key. */
  readonly by?: KeyObject;
}

export interface Credential {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly userHandle: string;
  counter: number;
}

/** An authenticator with its browser, in software: it makes credentials, and signs what it is asked to sign, honest or not. */
export interface PasskeyHolder {
  readonly credentials: Credential[];
  /** @returns RegistrationResponseJSON */
  make(options: object, twist?: Twist): object;
  /** By the newest credential that may answer. @returns AuthenticationResponseJSON */
  use(options: object, twist?: Twist, credential?: Credential): object;
}

const [PRESENT, UNLOCKED, CAN_BE_BACKED_UP, IS_BACKED_UP, HAS_CREDENTIAL] = [0x01, 0x04, 0x08, 0x10, 0x40];

/** @param site - The site's origin. @param isSynced - Whether its credentials are kept in step elsewhere; these do not count. */
export function openPasskeyHolder(site: string, isSynced = false): PasskeyHolder {
  const credentials: Credential[] = [];
  const countOf = (credential: Credential, { counter }: Twist): number =>
    (credential.counter = counter ?? (isSynced ? 0 : credential.counter + 1));

  function clientData(type: string, { challenge }: Asked, twist: Twist): Buffer {
    const said = { type, challenge, origin: site, crossOrigin: false, ...pick(twist) };
    return Buffer.from(JSON.stringify(said));
  }

  function authenticatorData(rpId: string, count: number, twist: Twist, attested = Buffer.alloc(0)): Buffer {
    const { isPresent = true, isUnlocked = true } = twist;
    const flags =
      (isPresent ? PRESENT : 0) |
      (isUnlocked ? UNLOCKED : 0) |
      (isSynced ? CAN_BE_BACKED_UP | IS_BACKED_UP : 0) |
      (attested.length > 0 ? HAS_CREDENTIAL : 0);
    const head = Buffer.alloc(37);
    createHash("sha256")
      .update(twist.rpId ?? rpId)
      .digest()
      .copy(head);
    head.writeUInt8(flags, 32);
    head.writeUInt32BE(count, 33);
    return Buffer.concat([head, attested]);
  }

  return {
    credentials,
    make(options, twist = {}) {
      const asked = options as Asked;
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const id = randomBytes(32);
      const credential = { id: id.toString("base64url"), privateKey, counter: 0, userHandle: asked.user?.id ?? "" };
      credentials.push(credential);
      const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, cosePublicKey(publicKey)]);
      const authData = authenticatorData(asked.rp?.id ?? "", countOf(credential, twist), twist, attested);
      const response = {
        clientDataJSON: clientData("webauthn.create", asked, twist).toString("base64url"),
        attestationObject: attestationObject(authData).toString("base64url"),
        transports: ["internal"],
      };
      const { id: rawId } = credential;
      return { id: rawId, rawId, type: "public-key", response, clientExtensionResults: {} };
    },
    use(options, twist = {}, chosen) {
      const asked = options as Asked;
      const { allowCredentials } = asked;
      const mayAnswer = ({ id }: Credential): boolean => allowCredentials?.some((each) => each.id === id) ?? true;
      const credential = chosen ?? credentials.findLast(mayAnswer);
      if (credential === undefined) throw new Error("no credential may answer");
      const authData = authenticatorData(asked.rpId ?? "", countOf(credential, twist), twist);
      const said = clientData("webauthn.get", asked, twist);
      const signed = Buffer.concat([authData, createHash("sha256").update(said).digest()]);
      const { userHandle = credential.userHandle } = twist;
      const response = {
        clientDataJSON: said.toString("base64url"),
        authenticatorData: authData.toString("base64url"),
        signature: sign("sha256", signed, twist.by ?? credential.privateKey).toString("base64url"),
        ...(userHandle === null ? {} : { userHandle }),
      };
      return { id: credential.id, rawId: credential.id, type: "public-key", response, clientExtensionResults: {} };
    },
  };
}

function pick({ origin, challenge, type, crossOrigin }: Twist): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries({ origin, challenge, type, crossOrigin }).filter(([, value]) => value !== undefined),
  );
}

/** Posts what a script of the site's own page would, with the page's token unless the headers have one. */
export async function askScript(
  browser: Browser,
  path: string,
  body: unknown = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer & { readonly said: Record<string, unknown> }> {
  const answer = await browser.send("POST", path, {
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: {
      ...{ accept: "application/json", "content-type": "application/json" },
      ...{ origin: browser.origin, "sec-fetch-site": "same-origin", "x-csrf-token": await browser.token() },
      ...headers,
    },
  });
  const isJson = (answer.headers["content-type"] ?? "").startsWith("application/json");
  return { ...answer, said: isJson ? (JSON.parse(answer.body) as Record<string, unknown>) : {} };
}

/** The two questions of a script: what to ask the authenticator, and what became of its answer. */
export async function provePasskey(
  browser: Browser,
  path: string,
  answer: (options: Record<string, unknown>) => object,
): Promise<Answer & { readonly said: Record<string, unknown> }> {
  const asked = await askScript(browser, `${path}/options`);
  return askScript(browser, path, answer(asked.said));
}

/** Of a map with text keys, and of COSE's, whose keys are small numbers: CBOR's canonical form, as far as it is needed here. */
function attestationObject(authData: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([0xa3]),
    ...[cborText("fmt"), cborText("none"), cborText("attStmt"), Buffer.from([0xa0]), cborText("authData")],
    cborBytes(authData),
  ]);
}

function cosePublicKey(key: KeyObject): Buffer {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  // {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
  return Buffer.concat([
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    cborBytes(Buffer.from(x, "base64url")),
    Buffer.from([0x22]),
    cborBytes(Buffer.from(y, "base64url")),
  ]);
}

function cborText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)]);
}

function cborBytes(bytes: Buffer): Buffer {
  const length = bytes.length < 256 ? [0x58, bytes.length] : [0x59, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from(length), bytes]);
}
