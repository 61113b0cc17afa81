import { EventSource } from "eventsource";
import got from "got";
import { type HTMLElement, parse } from "node-html-parser";
import { CookieJar } from "tough-cookie";

const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const MOST_REDIRECTS = 10;

/** What a browser shows after a request and the redirects that followed it. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly html: HTMLElement;
  /** The paths that were redirected from, in order. */
  readonly redirectedFrom: readonly string[];
}

/** An event of `GET /challenges/:id/events` (contract: live status). */
export interface StatusEvent {
  readonly id: string;
  readonly kind: "registration" | "approval";
  readonly status: string;
  readonly expiresAt: string;
}

/** The event stream of one challenge, as its page's browser would hold it open. */
export interface StatusStream {
  readonly events: readonly StatusEvent[];
  /** Resolves with the first event that `matches`; rejects when the stream is refused, or after `timeoutMs`. */
  waitFor(matches: (event: StatusEvent) => boolean, timeoutMs: number): Promise<StatusEvent>;
  close(): void;
}

/** A browser without JavaScript: it keeps cookies, follows redirects and posts the forms it was shown. */
export interface FormBrowser {
  readonly cookies: CookieJar;
  get(path: string): Promise<Page>;
  /** Fills the page's form that goes to `action` and sends it; fields that the form doesn't have cannot be filled. */
  submit(page: Page, action: string, fields?: Readonly<Record<string, string>>): Promise<Page>;
  /** Posts as a form of this site would, whatever the page shows. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Page>;
  watch(path: string): StatusStream;
}

/**
 * Opens a browser with no cookies yet.
 * @param origin - The site's public address, for instance `http://localhost:3000`.
 */
export function openFormBrowser(origin: string): FormBrowser {
  const cookies = new CookieJar();
  const client = got.extend({
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: { request: 20_000 },
    headers: { "user-agent": USER_AGENT, accept: "text/html,application/xhtml+xml" },
    cookieJar: cookies,
  });

  async function visit(url: URL, fields?: Readonly<Record<string, string>>): Promise<Page> {
    const redirectedFrom: string[] = [];
    let response = fields
      ? await client.post(url, { form: fields, headers: { origin: url.origin, "sec-fetch-site": "same-origin" } })
      : await client.get(url);
    while (response.statusCode >= 300 && response.statusCode < 400 && response.headers.location !== undefined) {
      if (redirectedFrom.push(url.pathname) > MOST_REDIRECTS) throw new Error(`${url.pathname} redirects in circles`);
      url = new URL(response.headers.location, url);
      response = await client.get(url);
    }
    const { statusCode: status, headers, body } = response;
    return { url, status, headers, body, html: parse(body), redirectedFrom };
  }

  return {
    cookies,
    get: (path) => visit(new URL(path, origin)),
    post: (path, fields) => visit(new URL(path, origin), fields),
    async submit(page, action, fields = {}) {
      const form = page.html.querySelectorAll("form").find((f) => {
        const target = new URL(f.getAttribute("action") ?? "", page.url).pathname;
        return target === action && hasFields(f, fields);
      });
      if (!form)
        throw new Error(`${page.url.pathname} (${page.status}) has no form to ${action} with ${fieldNames(fields)}`);
      return visit(new URL(action, page.url), { ...presetFields(form), ...fields });
    },
    watch: (path) => watchStatus(new URL(path, origin), cookies),
  };
}

function fieldNames(fields: Readonly<Record<string, string>>): string {
  return Object.keys(fields).join(", ") || "a button";
}

/** Inputs take any value; of what can only be pressed or chosen, the form must offer that very value. */
function hasFields(form: HTMLElement, fields: Readonly<Record<string, string>>): boolean {
  return Object.entries(fields).every(([name, value]) =>
    form.querySelectorAll(`[name="${name}"]`).some((field) => {
      const isFixed =
        field.tagName === "BUTTON" || ["hidden", "radio", "checkbox"].includes(field.getAttribute("type") ?? "");
      return !isFixed || field.getAttribute("value") === value;
    }),
  );
}

function presetFields(form: HTMLElement): Record<string, string> {
  const preset = form.querySelectorAll("input[name]").filter((input) => {
    const type = input.getAttribute("type") ?? "text";
    return !["radio", "checkbox", "submit"].includes(type) || input.hasAttribute("checked");
  });
  return Object.fromEntries(preset.map((i) => [i.getAttribute("name") ?? "", i.getAttribute("value") ?? ""]));
}

function watchStatus(url: URL, cookies: CookieJar): StatusStream {
  const events: StatusEvent[] = [];
  const source = new EventSource(url, {
    fetch: async (input, init) =>
      fetch(input, {
        ...init,
        headers: { ...init.headers, "user-agent": USER_AGENT, cookie: await cookies.getCookieString(url.href) },
      }),
  });
  const waiting = new Set<{ look: (event: StatusEvent) => void; fail: (reason: string) => void }>();
  source.addEventListener("status", (message) => {
    const event = JSON.parse(String(message.data)) as StatusEvent;
    events.push(event);
    // As the page does: the server ends the stream after a final state, and EventSource would come back for ever.
    if (event.status !== "pending") source.close();
    for (const each of [...waiting]) each.look(event);
  });
  source.addEventListener("error", (error) => {
    if (error.code !== undefined && error.code !== 200) {
      for (const each of [...waiting]) each.fail(`the event stream answered ${error.code}`);
    }
  });

  function waitFor(matches: (event: StatusEvent) => boolean, timeoutMs: number): Promise<StatusEvent> {
    const past = events.find(matches);
    if (past) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        waiting.delete(entry);
      };
      const entry = {
        look(event: StatusEvent): void {
          if (matches(event)) {
            finish();
            resolve(event);
          }
        },
        fail(reason: string): void {
          finish();
          reject(new Error(reason));
        },
      };
      const timer = setTimeout(() => {
        const seen = events.map((e) => e.status).join(", ") || "nothing";
        entry.fail(`the event stream did not tell it in ${timeoutMs} ms; it told: ${seen}`);
      }, timeoutMs);
      waiting.add(entry);
    });
  }

  return {
    events,
    waitFor,
    close() {
      source.close();
      for (const each of [...waiting]) each.fail("the event stream was closed");
    },
  };
}
