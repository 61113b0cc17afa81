import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Histogram } from "prom-client";

import { errorFields } from "../domain/error-fields.js";
import { DatabaseAway } from "../domain/errors.js";
import { askGate, type GateAnswer } from "../domain/gate.js";
import type { HttpDeps } from "./deps.js";
import { type AskedFor, isPreflight, originalRequest, readSiteCookie } from "./site-request.js";

const PATH = "/auth-request";

export type KnownSite = Exclude<GateAnswer, { kind: "unknown-site" }>;

/** Whether a request that a proxy tells of may pass. */
export function checkRequest(deps: HttpDeps, req: IncomingMessage, asked: AskedFor): Promise<GateAnswer> {
  return askGate(deps, {
    ...asked,
    isPreflight: isPreflight(req, asked.method),
    key: readSiteCookie(req, asked.origin, "gate"),
  });
}

export function isAdmitted(answer: KnownSite): boolean {
  return answer.kind === "yes" || answer.kind === "public";
}

/** Every header, also where it is empty: one that is missing would let through what the client sent. */
export function remoteHeaders({ guest }: KnownSite): Record<string, string> {
  const account = guest?.subscriber;
  const isVerified = account !== undefined && account.emailVerifiedAt !== null;
  return {
    "Remote-User": ascii(account?.username ?? ""),
    "Remote-Email": isVerified ? ascii(account.email) : "",
    "Remote-Groups": guest === null ? "" : guest.groups.join(","),
    "Remote-Subject": account?.id ?? "",
    "Remote-Level": guest === null ? "" : String(guest.session.level),
  };
}

/** Letters of other scripts as in an address: programs read headers in different ways. */
function ascii(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

/**
 * Answers what nginx asks before every request to a site, and leaves everything else to `others`. It stands before the whole
 * application, since each page waits for it: no line of the log for what passes, and no headers for browsers, of which nginx
 * gives none on. nginx takes 200, 401 and 403, and answers 500 for anything else.
 */
export function beforeChecksOfNginx(
  deps: HttpDeps,
  state: { isOpen(): boolean },
  seconds: Histogram<"route" | "method" | "status">,
  others: RequestListener,
): RequestListener {
  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const asked = originalRequest(req);
    const found = asked && (await checkRequest(deps, req, asked));
    if (found !== null && found.kind !== "unknown-site" && isAdmitted(found)) send(res, 200, remoteHeaders(found));
    else if (found === null || found.kind === "unknown-site" || found.kind === "refused") send(res, 403);
    else send(res, 401, { "WWW-Authenticate": 'Bearer realm="countersign"' });
  }

  return function answerOrLeave(req, res) {
    if (req.url?.split("?", 1)[0] !== PATH) {
      others(req, res);
      return;
    }
    const startedAt = performance.now();
    const answered = state.isOpen()
      ? answer(req, res)
      : Promise.reject(new DatabaseAway("the database is not open yet"));
    void answered
      .catch((error: unknown) => {
        deps.log.error({ path: PATH, ...errorFields(error) }, "request failed");
        if (error instanceof DatabaseAway) send(res, 503, { "Retry-After": "2" });
        else send(res, 500);
      })
      .then(() => {
        const [method, status] = [req.method ?? "", String(res.statusCode)];
        const ms = performance.now() - startedAt;
        seconds.observe({ route: PATH, method, status }, ms / 1000);
        if (res.statusCode !== 200)
          deps.log.info({ method, path: PATH, status: res.statusCode, ms: Math.round(ms * 10) / 10 }, "request");
      });
  };
}

function send(res: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  res.writeHead(status, {
    ...{ "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Length": "0" },
    ...headers,
  });
  res.end();
}
