import type { Providers } from "./factor-provider.js";

/** The kinds of second factor. Which of them may be added is the operator's choice. */
export const FACTOR_TYPES = ["authy-push", "phone", "passkey", "totp"] as const;
export type FactorType = (typeof FACTOR_TYPES)[number];

/** What settings, forms and commands call each type. */
export const FACTOR_NAMES: Readonly<Record<FactorType, string>> = {
  "authy-push": "authy",
  phone: "phone",
  passkey: "passkey",
  totp: "totp",
};

/** @returns null for a name that no type has. */
export function typeNamed(name: string): FactorType | null {
  return FACTOR_TYPES.find((type) => FACTOR_NAMES[type] === name) ?? null;
}

/** What somebody enrolled and can answer with, beside the password. */
export interface Factor {
  readonly id: string;
  readonly subscriberId: string;
  readonly type: FactorType;
  /** What the provider knows it by: Authy's user id; of a phone of our own the hash of its key; of a passkey that of its credential id; of an authenticator app the factor's own id. */
  readonly providerId: string;
  /** The owner's own name for it; empty where they gave it none. */
  readonly label: string;
  readonly state: "active" | "removed";
  /** The one with which its owner wants to begin. */
  readonly isPreferred: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly removedAt: Date | null;
  /** The factor whose place it takes; null where it takes none. */
  readonly replacesId: string | null;
  /** When it first approved a sign-in, of one that takes another's place: from then on the other may go. */
  readonly provedAt: Date | null;
}

/** How many accounts have Authy: with no phone's own page yet, or with one that is to take its place. */
export interface Movers {
  readonly toBegin: number;
  readonly begun: number;
}

/** What a new factor is. */
export type NewFactor = Pick<Factor, "id" | "subscriberId" | "type" | "providerId" | "label" | "createdAt"> &
  Partial<Pick<Factor, "replacesId">>;

/** The rows of factors. */
export interface Factors {
  find(id: string): Promise<Factor | null>;
  /** Those that protect an account, the oldest first. */
  listActive(subscriberId: string): Promise<Factor[]>;
  /** A new active one. @returns false when what it stands for protects an account already. */
  insert(factor: NewFactor): Promise<boolean>;
  /** active → removed, with its secret, key and subscription. @returns false when it was not active. */
  remove(id: string, now: Date): Promise<boolean>;
  noteUsed(id: string, now: Date): Promise<void>;
  noteProved(id: string, now: Date): Promise<void>;
  /** @returns false when the account has no such factor that is active. */
  rename(subscriberId: string, id: string, label: string): Promise<boolean>;
  /** The one that is asked first, and no other. @returns false when the account has no such factor that is active. */
  prefer(subscriberId: string, id: string): Promise<boolean>;
  /** Removed here, not yet at its provider, and of one of the types. */
  findForgotten(types: readonly FactorType[], limit: number): Promise<Factor[]>;
  noteRemovedUpstream(id: string, now: Date): Promise<void>;
  countMovers(): Promise<Movers>;
  isActiveAnywhere(type: FactorType, providerId: string): Promise<boolean>;
  /** The active one of this type that its provider knows by that name. */
  findActive(type: FactorType, providerId: string): Promise<Factor | null>;
}

/**
 * The factors that a push goes to: all of one type whose provider asks. The preferred one's type comes first, then the types
 * in the operator's order. Empty where nothing can be asked: then codes and passkeys lead on.
 */
export function ringing(factors: readonly Factor[], providers: Providers): readonly Factor[] {
  const types = Object.keys(providers) as FactorType[];
  const rank = ({ type, isPreferred }: Factor): number => (isPreferred ? -1 : types.indexOf(type));
  const asked = factors
    .filter(({ type }) => providers[type]?.asks !== undefined)
    .toSorted((one, other) => rank(one) - rank(other));
  return asked.filter(({ type }) => type === asked[0]?.type);
}

/** True where the owner wants to begin with a code or a passkey rather than to be asked; asking stays possible. */
export function prefersNoPush(factors: readonly Factor[], providers: Providers): boolean {
  return factors.some(({ isPreferred, type }) => isPreferred && providers[type]?.asks === undefined);
}
