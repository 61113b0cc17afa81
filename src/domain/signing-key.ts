/** What ID tokens are signed with: RSA of 2048 bits, or P-256. */
export const SIGNING_ALGORITHMS = ["RS256", "ES256"] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** next → current → retired. Of each algorithm there is one current key, and at most one that comes next. */
export type SigningKeyState = "next" | "current" | "retired";

/** One key pair. The private half is sealed: the database alone signs nothing. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly state: SigningKeyState;
  /** JSON of the public JWK. */
  readonly publicKey: string;
  readonly sealed: string;
  readonly createdAt: Date;
  /** Since when it is in its state. */
  readonly stateSince: Date;
}

/** The rows of signing keys. */
export interface SigningKeys {
  /** All of them: those that sign first, then what comes next, then the retired ones. */
  list(): Promise<SigningKey[]>;
  /** @returns false when there is a key of that algorithm in that state already. */
  insert(key: SigningKey): Promise<boolean>;
  /** @returns false when it was not in that state any more, or another key came first. */
  move(kid: string, from: SigningKeyState, to: SigningKeyState, now: Date): Promise<boolean>;
  remove(kid: string): Promise<void>;
}

/** When keys change. */
export interface KeyTimes {
  /** How long a key signs. */
  readonly keySeconds: number;
  /** How long what it signed lives. */
  readonly tokenSeconds: number;
}

/** A key is published for a day before it signs, so that whoever caches keys knows it by then. */
const PUBLISHED_BEFORE_MS = 86_400_000;
/** Clocks differ, and answers are on their way. */
const LEEWAY_MS = 300_000;

/** What is due with the keys of one algorithm. */
export type KeyStep =
  | { readonly step: "make"; readonly as: "current" | "next" }
  | { readonly step: "promote"; readonly next: SigningKey; readonly current: SigningKey | null }
  | { readonly step: "remove"; readonly retired: SigningKey };

/**
 * The next thing to do with the keys of one algorithm, or null.
 *
 * @param isNow - An operator wants another key to sign at once.
 */
export function dueKeyStep(
  keys: readonly SigningKey[],
  { keySeconds, tokenSeconds }: KeyTimes,
  now: Date,
  isNow = false,
): KeyStep | null {
  const current = keys.find(({ state }) => state === "current") ?? null;
  const next = keys.find(({ state }) => state === "next");
  const ageMs = (key: SigningKey): number => now.getTime() - key.stateSince.getTime();
  if (next !== undefined && (current === null || isNow || ageMs(next) >= PUBLISHED_BEFORE_MS))
    return { step: "promote", next, current };
  if (current === null) return { step: "make", as: "current" };
  if (next === undefined && (isNow || ageMs(current) >= keySeconds * 1000 - PUBLISHED_BEFORE_MS))
    return { step: "make", as: "next" };
  const retired = keys.find((key) => key.state === "retired" && ageMs(key) >= tokenSeconds * 1000 + LEEWAY_MS);
  return retired === undefined ? null : { step: "remove", retired };
}
