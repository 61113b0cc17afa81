/** The languages that ship, each with a catalogue `views/text/<language>.json`. */
export const LANGUAGES = ["en", "de", "es", "ar"] as const;

/** The name of a language, as browsers and pages write it (BCP 47). */
export type Language = (typeof LANGUAGES)[number];

/** Digits are typed and compared everywhere here, so that Arabic pages show those that keyboards and phones have. */
const LOCALES: Partial<Readonly<Record<Language, string>>> = { en: "en-GB", ar: "ar-u-nu-latn" };

/** The locale by which `Intl` writes dates, numbers and lists. */
export function localeOf(language: Language): string {
  return LOCALES[language] ?? language;
}

/** The direction in which the language is written. */
export function directionOf(language: Language): "ltr" | "rtl" {
  return language === "ar" ? "rtl" : "ltr";
}
