import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Owner } from "./owner.js";

/** A span as OTLP has it in JSON. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span["attributes"] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

/** Takes traces by OTLP over HTTP. */
export interface TraceCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: readonly Span[];
  /** The names and values that came with the spans, once each. */
  readonly resources: ReadonlySet<string>;
  readonly headers: readonly (string | undefined)[];
  /** With what it answers from now on. */
  answer(status: number): void;
}

export async function startTraceCollector(owner: Owner): Promise<TraceCollector> {
  const spans: Span[] = [];
  const resources = new Set<string>();
  const headers: (string | undefined)[] = [];
  let status = 200;
  const server = createServer((req, res) => {
    let text = "";
    req.on("data", (part) => (text += String(part)));
    req.on("end", () => {
      headers.push(req.headers.authorization);
      if (status === 200 && req.url === "/v1/traces")
        for (const { resource, scopeSpans } of (JSON.parse(text) as Export).resourceSpans) {
          for (const { key, value } of resource.attributes) resources.add(`${key}=${value.stringValue}`);
          for (const scope of scopeSpans) spans.push(...scope.spans);
        }
      res.writeHead(req.url === "/v1/traces" ? status : 404, { "content-type": "application/json" }).end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  owner.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resources,
    headers,
    answer(given) {
      status = given;
    },
  };
}
