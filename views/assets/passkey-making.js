/** Makes a passkey, for pages that add one. */
import { askServer } from "./passkey-server.js";
import { bytes, toJson, withBytes } from "./passkey-json.js";

/**
 * @param {string} path
 * @param {string} csrf
 * @returns {Promise<string>} where to go on.
 */
export async function make(path, csrf) {
  const options = await askServer(`${path}/options`, csrf, {});
  if (options.location) return options.location;
  const credential = await navigator.credentials.create({ publicKey: makingFromJson(options) });
  return (await askServer(path, csrf, toJson(credential))).location;
}

/**
 * @param {any} json - PublicKeyCredentialCreationOptionsJSON
 * @returns {PublicKeyCredentialCreationOptions}
 */
function makingFromJson(json) {
  const native = /** @type {any} */ (PublicKeyCredential).parseCreationOptionsFromJSON;
  if (native) return native.call(PublicKeyCredential, json);
  return {
    ...json,
    challenge: bytes(json.challenge),
    user: withBytes(json.user),
    excludeCredentials: json.excludeCredentials?.map(withBytes),
  };
}
