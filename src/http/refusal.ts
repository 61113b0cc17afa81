import type { ErrorPage, TextValues } from "./text.js";

/** A request that src/http itself refuses: a status, and the page that explains it. */
export class HttpRefusal extends Error {
  constructor(
    readonly status: number,
    readonly page: ErrorPage,
    readonly values: TextValues = {},
  ) {
    super(`${status} ${page}`);
  }
}
