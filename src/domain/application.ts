import type { AssuranceLevel } from "./session.js";

/** What is protected: a client speaks OpenID Connect, a site is one origin behind the gate. */
export interface Application {
  readonly id: string;
  readonly kind: "client" | "site";
  readonly name: string;
  /** How much of a sign-in it asks for. */
  readonly level: AssuranceLevel;
  /** How long ago the sign-in may have begun; null for as long as it lives. */
  readonly maxAgeSeconds: number | null;
  readonly admitsEveryone: boolean;
  /** The groups that it admits, by name and sorted. With none of them and not everyone, it admits nobody. */
  readonly groups: readonly string[];
  readonly createdAt: Date;
}

/** Whom an application may be told to admit. */
export type Admitted = { readonly everyone: true } | { readonly group: string };

/** The rows of applications. */
export interface Applications {
  insert(application: Application): Promise<void>;
  find(id: string): Promise<Application | null>;
  /** By name. */
  list(kind: Application["kind"]): Promise<Application[]>;
  /** From now on it admits these too. @returns false when it did before. */
  admit(id: string, admitted: Admitted): Promise<boolean>;
  /** @returns false when it did not admit these before. */
  dismiss(id: string, admitted: Admitted): Promise<boolean>;
  /** With the groups that it admits. @returns false when there was none. */
  remove(id: string): Promise<boolean>;
}

/** An application behind the gate. */
export interface Site {
  readonly applicationId: string;
  /** As browsers write it: scheme, host, and a port that is not the scheme's own. */
  readonly origin: string;
  /** What needs no sign-in: `/healthz`, `/feed/*`, or with a method in front `GET /feed/*`. */
  readonly publicPaths: readonly string[];
  /** Whether a browser's question before a request of another origin passes. */
  readonly allowsPreflight: boolean;
}

/** The rows of sites. */
export interface Sites {
  /** @returns false when the origin is taken. */
  insert(site: Site): Promise<boolean>;
  find(origin: string): Promise<Site | null>;
  findOfApplication(applicationId: string): Promise<Site | null>;
  remove(applicationId: string): Promise<void>;
}

/** The rows of memberships. A group is a label on accounts, and is there as long as somebody has it. */
export interface Memberships {
  /** @returns false when the account was in it before. */
  add(subscriberId: string, group: string, now: Date): Promise<boolean>;
  /** @returns false when the account was not in it. */
  remove(subscriberId: string, group: string): Promise<boolean>;
  /** The groups of an account, sorted. */
  list(subscriberId: string): Promise<string[]>;
  /** Every group with how many accounts are in it, sorted. */
  count(): Promise<{ readonly group: string; readonly members: number }[]>;
}

/** True for what a group may be called. */
export function isGroupName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name);
}

/** Whom `everyone` or `group:NAME` names; null for anything else. */
export function admittedIn(text: string): Admitted | null {
  if (text === "everyone") return { everyone: true };
  const group = text.startsWith("group:") ? text.slice("group:".length) : "";
  return isGroupName(group) ? { group } : null;
}
