/**
 * What counts of a code that somebody typed or pasted: its letters and digits, whatever script the digits are of. Blanks,
 * hyphens of every kind, zero-width and direction marks, quotes and full stops come along from phones, mails and papers.
 *
 * @returns letters in lower case and digits as 0 to 9.
 */
export function typedCode(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "")
    .replace(/\p{Nd}/gu, asciiDigit);
}

/** @returns the six digits of a match code, or null for what cannot be one: that is no guess and costs no try. */
export function matchCodeIn(text: string): string | null {
  const code = typedCode(text);
  return /^[0-9]{6}$/.test(code) ? code : null;
}

/** @returns the six to eight digits of an app's code, or null for what cannot be one. */
export function appCodeIn(text: string): string | null {
  const code = typedCode(text);
  return /^[0-9]{6,8}$/.test(code) ? code : null;
}

/** Unicode keeps the decimal digits of each script together, from zero to nine. */
function asciiDigit(digit: string): string {
  const at = digit.codePointAt(0) ?? 0;
  let zero = at;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String((at - zero) % 10);
}
