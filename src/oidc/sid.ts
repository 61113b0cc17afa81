import { createHash } from "node:crypto";

/** A client's name of a sign-in, the same as long as the sign-in lasts, and another one for each client. */
export function sidOf(signInId: string, clientId: string): string {
  return createHash("sha256").update(`sid ${signInId} ${clientId}`).digest("base64url");
}
