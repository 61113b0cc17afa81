/** The settings of src/http. */
export interface HttpSettings {
  /** How browsers reach us, without a slash at its end. */
  readonly publicUrl: string;
  readonly isHttps: boolean;
  /** Whether anybody may create an account. */
  readonly registration: "open" | "closed";
  readonly hstsSubdomains: boolean;
  readonly isProduction: boolean;
  /** Whether a passkey signs in with nothing beside it. */
  readonly passkeyAlone: boolean;
  /** How many reverse proxies stand in front, whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: number;
  /** The first signs, all verify. */
  readonly sessionKeys: readonly string[];
  readonly limits: { readonly loopLagShedMs: number };
}
