import { type Deps } from "../domain/deps.js";
import { type Factor, FACTOR_NAMES, type FactorType, ringing } from "../domain/factor.js";
import { type Text } from "./text.js";

/** What a page shows of a factor. */
export function factorView(text: Text, { id, type, label, isPreferred, createdAt, lastUsedAt }: Factor) {
  const kind = text(`device.${type}`);
  return {
    id,
    type: FACTOR_NAMES[type],
    kind,
    label,
    isPreferred,
    deviceLabel: label === "" ? kind : label,
    enrolledAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  };
}

/** The same of what may not be there. */
export function viewOrNull(text: Text, factor: Factor | undefined) {
  return factor === undefined ? null : factorView(text, factor);
}

/** How somebody is asked for their factors before a sensitive act: on the phone, or for a code. */
export function asksBy(factors: readonly Factor[], { providers }: Pick<Deps, "providers">): "phone" | "code" {
  return ringing(factors, providers).length > 0 ? "phone" : "code";
}

/** The types that can be added, in the operator's order. */
export function offeredTypes({ providers }: Pick<Deps, "providers">): FactorType[] {
  return Object.keys(providers) as FactorType[];
}
