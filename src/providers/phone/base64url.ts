/**
 * Reads base64url without padding in its one canonical form: of the many texts that a lenient reader takes for the same
 * bytes, all but one are refused, so that no changed character goes unseen.
 *
 * @returns the bytes; null when the text is not exactly what would be written for them, or not of this length.
 */
export function fromBase64url(text: string, length?: number): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) return null;
  return length === undefined || bytes.length === length ? bytes : null;
}
