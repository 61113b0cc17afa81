import type { Language } from "../domain/language.js";

/** How each language calls itself. */
export const OWN_NAMES: Readonly<Record<Language, string>> = {
  en: "English",
  de: "Deutsch",
  es: "Español",
  ar: "العربية",
};

/** One part of `Accept-Language`: a tag, and how much it is wanted, 0 to 1. */
const PART = /^([a-z]{1,8})(?:-[a-z0-9]{1,8})*(?:\s*;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i;

/**
 * The most wanted language of those that are offered.
 *
 * @param header - `Accept-Language`; parts that are none count for nothing.
 * @returns null when none of them is wanted.
 */
export function acceptedLanguage(header: string, offered: readonly Language[]): Language | null {
  let best: { readonly language: Language; readonly weight: number } | null = null;
  for (const part of header.split(",")) {
    const [, tag = "", q = "1"] = PART.exec(part.trim()) ?? [];
    const language = offered.find((each) => each === tag.toLowerCase());
    if (language !== undefined && Number(q) > (best?.weight ?? 0)) best = { language, weight: Number(q) };
  }
  return best?.language ?? null;
}
