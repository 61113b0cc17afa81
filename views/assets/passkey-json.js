/** Between JSON and what browsers take and give. They can do it themselves, but for the older ones. */

/**
 * @param {any} json - PublicKeyCredentialRequestOptionsJSON
 * @returns {PublicKeyCredentialRequestOptions}
 */
export function fromJson(json) {
  const native = /** @type {any} */ (PublicKeyCredential).parseRequestOptionsFromJSON;
  if (native) return native.call(PublicKeyCredential, json);
  return { ...json, challenge: bytes(json.challenge), allowCredentials: json.allowCredentials?.map(withBytes) };
}

/**
 * @param {Credential | null} credential
 * @returns {unknown} RegistrationResponseJSON or AuthenticationResponseJSON
 */
export function toJson(credential) {
  const given = /** @type {any} */ (credential);
  // Some password managers put a credential of their own in place of the browser's, and its toJSON throws.
  try {
    return given.toJSON();
  } catch {
    const { id, type, response } = given;
    /** @type {Record<string, unknown>} */
    const said = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
      if (response[name]) said[name] = base64url(response[name]);
    if (response.getTransports) said["transports"] = response.getTransports();
    return { id, rawId: id, type, response: said, clientExtensionResults: {} };
  }
}

/** @param {{ id: string }} named */
export function withBytes(named) {
  return { ...named, id: bytes(named.id) };
}

/** @param {string} text - base64url */
export function bytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer */
function base64url(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}
