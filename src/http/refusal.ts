import { type ErrorPage, type TextValues } from "./text.js";

/** A refusal of the HTTP room itself: a status, and the page that explains it. */
export class HttpRefusal extends Error {
  constructor(
    readonly status: number,
    readonly page: ErrorPage,
    readonly values: TextValues = {},
  ) {
    super(`${status} ${page}`);
  }
}
