/** How a sign-in is called in an ID token, by its level. */
export const ACR_OF_LEVEL = {
  1: "urn:countersign:acr:password",
  2: "urn:countersign:acr:phone",
} as const;
