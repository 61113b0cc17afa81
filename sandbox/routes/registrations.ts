import type { Api } from "../api.js";
import { AuthyError } from "../authy-error.js";
import { textParam } from "../body.js";
import { registeredAs } from "../registration.js";
import type { Sandbox } from "../sandbox.js";

/** Whether a registration QR code was scanned. */
export function registrationRoutes(sandbox: Sandbox, api: Api): void {
  api.route("registrations-status", "get", "/protected/json/registrations/status", function registrationStatus(params) {
    const customUserId = textParam(params, "custom_user_id");
    if (customUserId === null || customUserId === "") throw new AuthyError(400, 60034, "custom_user_id is missing");
    const authyId = registeredAs(sandbox, customUserId);
    if (authyId !== null) return { registration: { status: "completed", authy_id: authyId }, success: true };
    // Authy's answer before the scan was never recorded; clients exist that expect either of these two
    if (sandbox.faults.registration_before_scan === "pending")
      return { registration: { status: "pending" }, success: true };
    throw new AuthyError(404, 60035, "Registration not found.");
  });
}
