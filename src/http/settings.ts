import { type Config } from "../config.js";

/** What the HTTP room needs of the configuration. */
export type HttpSettings = Pick<
  Config,
  | "publicUrl"
  | "isHttps"
  | "hstsSubdomains"
  | "isProduction"
  | "trustedProxies"
  | "sessionKeys"
  | "limits"
  | "rules"
  | "authy"
  | "streamRereadMs"
  | "streamHeartbeatMs"
>;
