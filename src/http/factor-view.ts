import type { Deps } from "../domain/deps.js";
import { type Factor, FACTOR_NAMES, type FactorType, ringing } from "../domain/factor.js";
import type { Passkey } from "../domain/passkey.js";
import type { Text } from "./text.js";

/** What a page shows of a factor. */
export function factorView(
  text: Text,
  { id, type, label, isPreferred, createdAt, lastUsedAt }: Factor,
  passkeys: readonly Passkey[] = [],
) {
  const kind = text(`device.${type}`);
  const passkey = passkeys.find(({ factorId }) => factorId === id);
  return {
    id,
    type: FACTOR_NAMES[type],
    kind,
    label,
    isPreferred,
    deviceLabel: label === "" ? kind : label,
    note: passkey === undefined ? null : text(passkey.isBackedUp ? "passkey.synced" : "passkey.one-device"),
    enrolledAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
  };
}

/** The same of what may not be there. */
export function viewOrNull(text: Text, factor: Factor | undefined) {
  return factor === undefined ? null : factorView(text, factor);
}

/** How somebody is asked for their factors before a sensitive act: on the phone, for a passkey, or for a code. */
export function asksBy(factors: readonly Factor[], deps: Pick<Deps, "providers">): "phone" | "passkey" | "code" {
  const [preferred] = factors.filter(({ isPreferred }) => isPreferred);
  if (ringing(factors, deps.providers).length > 0 && preferred?.type !== "passkey") return "phone";
  return canUsePasskey(factors, deps) && preferred?.type !== "totp" ? "passkey" : "code";
}

export function canUsePasskey(factors: readonly Factor[], { providers }: Pick<Deps, "providers">): boolean {
  return factors.some(({ type }) => providers[type]?.proves !== undefined);
}

/** The types that can be added, in the operator's order. */
export function offeredTypes({ providers }: Pick<Deps, "providers">): FactorType[] {
  return Object.keys(providers) as FactorType[];
}
