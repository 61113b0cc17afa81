import { randomUUID } from "node:crypto";
import { got } from "got";
import jwt from "jsonwebtoken";

import type { Deps } from "../domain/deps.js";
import type { LogoutNotice } from "../domain/logout-notice.js";
import type { OidcSettings } from "./configuration.js";
import { openKey } from "./keys.js";
import { sidOf } from "./sid.js";

const ANSWER_WITHIN_MS = 3000;
const MOST_BYTES = 65_536;
const TOKEN_SECONDS = 120;
const EVENT = "http://schemas.openid.net/event/backchannel-logout";

/** Tells a client by its back channel. @returns false where it did not take the notice. */
export type SendNotice = (notice: Pick<LogoutNotice, "clientId" | "subscriberId" | "signInId">) => Promise<boolean>;

/**
 * Sends notices as OpenID Connect Back-Channel Logout says. The library's own sender asks once, within a person's request.
 *
 * @see https://openid.net/specs/openid-connect-backchannel-1_0.html
 */
export function noticeSender(
  deps: Pick<Deps, "clients" | "signingKeys" | "now">,
  { publicUrl, sessionKeys }: Pick<OidcSettings, "publicUrl" | "sessionKeys">,
): SendNotice {
  return async function send({ clientId, subscriberId, signInId }) {
    const client = await deps.clients.find(clientId);
    // Nobody is to be told any more.
    if (client?.backChannelUri == null) return true;
    const keys = (await deps.signingKeys.list()).map((key) => openKey(key, sessionKeys));
    const key = keys.find((each) => each?.algorithm === "RS256" && each.state === "current");
    if (key == null) return false;
    const iat = Math.floor(deps.now().getTime() / 1000);
    const claims = {
      ...{ iss: publicUrl, aud: clientId, sub: subscriberId, iat, exp: iat + TOKEN_SECONDS, jti: randomUUID() },
      ...(signInId === null ? {} : { sid: sidOf(signInId, clientId) }),
      events: { [EVENT]: {} },
    };
    const header = { alg: "RS256", typ: "logout+jwt", kid: key.kid };
    const token = jwt.sign(claims, key.privateKey, { algorithm: "RS256", header });
    try {
      const request = got.post(client.backChannelUri, {
        form: { logout_token: token },
        followRedirect: false,
        throwHttpErrors: false,
        retry: { limit: 0 },
        timeout: { request: ANSWER_WITHIN_MS },
      });
      void request.on("downloadProgress", ({ transferred }) => {
        if (transferred > MOST_BYTES) request.cancel();
      });
      const { statusCode } = await request;
      return statusCode === 200 || statusCode === 204;
    } catch {
      return false;
    }
  };
}
