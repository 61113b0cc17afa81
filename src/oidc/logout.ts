import type { LogoutRequest, ReadLogout } from "../domain/logout-request.js";
import type { Session } from "../domain/session.js";
import type { Provider } from "./library.js";
import { sidOf } from "./sid.js";

interface Hint {
  readonly payload: { readonly sub?: string; readonly sid?: string };
}

/**
 * @see https://openid.net/specs/openid-connect-rpinitiated-1_0.html
 * @returns null for one that contradicts itself, or leads to an address that is not the client's.
 */
export async function readLogoutRequest(
  provider: Provider,
  { idTokenHint, clientId, redirectUri, state }: LogoutRequest,
  session: Session | null,
): Promise<ReadLogout | null> {
  const audience = audienceOf(idTokenHint);
  if (clientId !== "" && audience !== "" && clientId !== audience) return null;
  const client = await provider.Client.find(clientId || audience);
  if (client === undefined) return clientId === "" ? { clientId: null, backTo: null, isOfThisSignIn: false } : null;
  if (redirectUri !== "" && !client.postLogoutRedirectUriAllowed(redirectUri)) return null;
  const hint = await hintOf(provider, idTokenHint, client);
  return {
    clientId: client.clientId,
    backTo: redirectUri === "" ? null : withState(redirectUri, state),
    isOfThisSignIn:
      session !== null &&
      hint?.payload.sub === session.subscriberId &&
      hint.payload.sid === sidOf(session.signInId, client.clientId),
  };
}

/** @returns null for what we did not sign, or not for this client. Its end does not matter. */
async function hintOf(provider: Provider, idToken: string, client: object): Promise<Hint | null> {
  const { IdToken } = provider as unknown as { IdToken: { validate(token: string, client: object): Promise<Hint> } };
  return idToken === "" ? null : IdToken.validate(idToken, client).catch(() => null);
}

/** Whom an ID token names, before anybody has verified it. */
function audienceOf(idToken: string): string {
  try {
    const { aud } = JSON.parse(Buffer.from(idToken.split(".")[1] ?? "", "base64url").toString()) as { aud?: unknown };
    return typeof aud === "string" ? aud : "";
  } catch {
    return "";
  }
}

function withState(redirectUri: string, state: string): string {
  const url = new URL(redirectUri);
  if (state !== "") url.searchParams.set("state", state);
  return url.href;
}
