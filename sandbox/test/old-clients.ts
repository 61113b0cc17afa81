import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** npm `authy-client` 1.1.4, as far as the sandbox serves it. */
export interface AuthyClient {
  registerUser(user: { countryCode: string; email: string; phone: string }): Promise<Reply>;
  getUserStatus(user: { authyId: number }, options?: { ip: string }): Promise<Reply>;
  deleteUser(user: { authyId: number }): Promise<Reply>;
  registerActivity(
    activity: { authyId: number; type: string; data?: object },
    options?: { ip: string },
  ): Promise<Reply>;
  verifyToken(attempt: { authyId: number; token: string }, options?: { force: boolean }): Promise<Reply>;
  requestSms(
    user: { authyId: number },
    options?: { force?: boolean; action?: string; message?: string },
  ): Promise<Reply>;
  requestCall(
    user: { authyId: number },
    options?: { force?: boolean; action?: string; message?: string },
  ): Promise<Reply>;
  getApplicationDetails(options?: { ip: string }): Promise<Reply>;
  getApplicationStatistics(options?: { ip: string }): Promise<Reply>;
  createApprovalRequest(
    request: { authyId: number; message: string; details?: { visible?: object; hidden?: object }; logos?: object[] },
    options?: { ttl: number },
  ): Promise<Reply>;
  getApprovalRequest(request: { id: string }): Promise<Reply>;
  verifyCallback(request: object): Promise<unknown>;
}

/** npm `authy` 1.4.0, as far as the sandbox serves it: callbacks, hence `(error, reply)`. */
export type AuthyNode = Record<
  | "register_user"
  | "delete_user"
  | "user_status"
  | "verify"
  | "request_sms"
  | "request_call"
  | "check_approval_status"
  | "send_approval_request",
  (...parameters: unknown[]) => void
>;

export type Reply = Record<string, unknown>;

const FOLDER = fileURLToPath(new URL("libraries", import.meta.url));

/** Loads the old clients out of their own folder, installing them first when they are not there. */
export function oldClients(): {
  Client: new (key: { key: string }, options: { host: string; timeout: number }) => AuthyClient;
  authy: (key: string, url: string) => AuthyNode;
} {
  if (!existsSync(`${FOLDER}/node_modules/.package-lock.json`))
    execFileSync("npm", ["ci", "--prefix", FOLDER, "--ignore-scripts", "--no-audit", "--no-fund"], {
      stdio: "inherit",
    });
  const require = createRequire(`${FOLDER}/package.json`);
  return {
    Client: (require("authy-client") as { Client: ReturnType<typeof oldClients>["Client"] }).Client,
    authy: require("authy") as ReturnType<typeof oldClients>["authy"],
  };
}
