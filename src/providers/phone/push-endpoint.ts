import { isIP } from "node:net";

import { fromBase64url } from "./base64url.js";
import { isPoint } from "./p256.js";

const MAX_CHARACTERS = 1024;

/** The push services of the browsers: Chrome, Debian's Chromium, Firefox, Safari, Edge on Windows. */
export const PUSH_HOSTS: readonly string[] = [
  "fcm.googleapis.com",
  "jmt17.google.com",
  "updates.push.services.mozilla.com",
  "*.push.apple.com",
  "*.notify.windows.com",
];

/** Why we send nothing there. */
export type EndpointProblem = "not-a-url" | "not-https" | "port" | "credentials" | "too-long" | "unlisted-host";

/** Which hosts may be sent to. */
export type HostRule = (hostname: string) => boolean;

/**
 * The rule for hosts: a listed name, a name below `*.name`, or with `*` any name. Addresses are never taken, nor names
 * without a dot: those are of this network.
 *
 * @param more - Hosts that the operator lists besides ours.
 */
export function hostRule(more: readonly string[]): HostRule {
  const listed = [...PUSH_HOSTS, ...more.map((host) => host.toLowerCase())];
  return (hostname) => {
    if (isIP(hostname) !== 0 || hostname.startsWith("[")) return false;
    if (!hostname.includes(".") || hostname.endsWith(".")) return false;
    return listed.some((host) => {
      if (host === "*") return true;
      return host.startsWith("*.") ? hostname.endsWith(host.slice(1)) : hostname === host;
    });
  };
}

/** Where a push may go. @returns the parsed address, or why not. */
export function readEndpoint(text: string, isListed: HostRule): URL | EndpointProblem {
  if (text.length > MAX_CHARACTERS) return "too-long";
  if (!URL.canParse(text)) return "not-a-url";
  const url = new URL(text);
  if (url.protocol !== "https:") return "not-https";
  if (url.username !== "" || url.password !== "") return "credentials";
  if (url.port !== "") return "port"; // 443 is the one that a parsed address leaves out
  return isListed(url.hostname) ? url : "unlisted-host";
}

/** Why a subscription is not taken. */
export type SubscriptionProblem = EndpointProblem | "p256dh" | "auth";

/** A subscription as a browser gives it: the address, and its keys in base64url. */
export interface GivenSubscription {
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
}

/** A subscription that may be sent to. */
export interface UsableSubscription {
  readonly endpoint: URL;
  readonly p256dh: Buffer;
  readonly auth: Buffer;
}

/**
 * Judges a subscription: when it is stored, and again each time it is sent to, for the row may have come from elsewhere
 * and the list may have become shorter.
 */
export function readSubscription(
  { endpoint, p256dh, auth }: GivenSubscription,
  isListed: HostRule,
): UsableSubscription | SubscriptionProblem {
  const url = readEndpoint(endpoint, isListed);
  if (typeof url === "string") return url;
  const point = fromBase64url(p256dh);
  if (point === null || !isPoint(point)) return "p256dh";
  const secret = fromBase64url(auth, 16);
  return secret === null ? "auth" : { endpoint: url, p256dh: point, auth: secret };
}
