import { hasGoodSignature, type SignedCallback } from "./callback-signature.js";

/**
 * Why the signature of a callback does not match, as far as it can be found out: with another address, method or key it would.
 *
 * @param recordedUrl - Where the callback was sent to.
 */
export function whyRefused(
  signed: SignedCallback,
  signature: string,
  { keys, recordedUrl }: { readonly keys: readonly string[]; readonly recordedUrl: string },
): string {
  const fits = (variant: Partial<SignedCallback>, key: string): boolean =>
    hasGoodSignature({ ...signed, ...variant }, signature, key);
  for (const url of variantsOf([signed.url, recordedUrl]))
    for (const key of keys) {
      if (fits({ url }, key)) return `it was signed for ${url}, and AUTHY_CALLBACK_URL is ${signed.url}`;
      if (fits({ url, method: "GET" }, key)) return `it was signed as a GET for ${url}: choose POST in the console`;
    }
  return "neither another address nor method would fit: it was signed with another key, or changed on its way";
}

/** The same address as people write it: with the other scheme, with or without a slash at its end, without a port. */
function variantsOf(urls: readonly string[]): string[] {
  const all = urls.flatMap((url) => [url, url.replace(/^http:/, "https:"), url.replace(/^https:/, "http:")]);
  const ends = all.flatMap((url) => [url, `${url}/`, url.replace(/\/$/, "")]);
  return [...new Set(ends.flatMap((url) => [url, url.replace(/^(https?:\/\/[^/:]+):\d+/, "$1")]))];
}
