import type { AssuranceLevel } from "../domain/session.js";
import { levelOfAcr } from "./claims.js";

/** What a request asks of the sign-in, beside what its application asks of every one. */
export interface Demand {
  /** A level that it must have; null where there is none. */
  readonly essentialLevel: AssuranceLevel | null;
  /** It must have a level of which we know nothing. */
  readonly isUnmeetable: boolean;
  /** Levels that it would like, the best liked first. */
  readonly wishedLevels: readonly AssuranceLevel[];
  /** Whose sign-in it must be; null for anybody's. */
  readonly subjects: readonly string[];
}

interface AcrRequest {
  readonly essential?: unknown;
  readonly value?: unknown;
  readonly values?: unknown;
}

/**
 * Of several essential names the least demanding one that we know counts: a better sign-in meets a lesser demand.
 *
 * @param acrValues - The parameter of that name.
 * @param idToken - What the parameter `claims` asks of the ID token.
 */
export function demandIn(
  acrValues: string | undefined,
  idToken: Readonly<Record<string, unknown>> | undefined,
  hintedSubject: string | undefined,
): Demand {
  const acr = (idToken?.["acr"] ?? {}) as AcrRequest;
  const asked = [acr.value, ...(Array.isArray(acr.values) ? (acr.values as unknown[]) : [])].filter(isText);
  const isEssential = acr.essential === true && asked.length > 0;
  const sub = (idToken?.["sub"] as { value?: unknown } | null | undefined)?.value;
  const essential = isEssential ? levelsOf(asked) : [];
  const essentialLevel = essential.length === 0 ? null : (Math.min(...essential) as AssuranceLevel);
  return {
    essentialLevel,
    isUnmeetable: isEssential && essentialLevel === null,
    wishedLevels: levelsOf([...(acrValues ?? "").split(" "), ...(isEssential ? [] : asked)]),
    subjects: [sub, hintedSubject].filter(isText),
  };
}

function levelsOf(names: readonly string[]): AssuranceLevel[] {
  return names.map(levelOfAcr).filter((level) => level !== null);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
