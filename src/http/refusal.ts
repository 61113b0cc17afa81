/** A refusal of the HTTP room itself: a status, and the words of its page. */
export class HttpRefusal extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly text: string,
    readonly whatToDo: string | null = null,
  ) {
    super(`${status} ${title}`);
  }
}
