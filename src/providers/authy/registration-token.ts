import { createSecretKey } from "node:crypto";
import jwt from "jsonwebtoken";

import type { Enrolment } from "../../domain/enrolment.js";

/** The application as the Authy console names it. */
export interface AuthyApplication {
  readonly appName: string;
  readonly appId: string;
  readonly apiKey: string;
}

/**
 * The token of a QR code: HS256 with the production API key, whole seconds, ending when the enrolment ends. A bearer
 * secret: whoever scans it binds their phone.
 */
export function registrationToken(
  enrolment: Pick<Enrolment, "id" | "createdAt" | "expiresAt">,
  application: AuthyApplication,
): string {
  const claims = {
    iss: application.appName,
    iat: Math.floor(enrolment.createdAt.getTime() / 1000),
    exp: Math.floor(enrolment.expiresAt.getTime() / 1000),
    context: { custom_user_id: enrolment.id, authy_app_id: application.appId },
  };
  return jwt.sign(claims, createSecretKey(Buffer.from(application.apiKey)), { algorithm: "HS256" });
}
