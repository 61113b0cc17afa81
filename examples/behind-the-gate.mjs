// An application that knows no sign-in, with a gate in front of it: this file asks Countersign about each request as a reverse
// proxy would (docs/applications.md). Behind a real proxy only the last function is left.
import { createServer, request as ask } from "node:http";

const { PORT = "3100", COUNTERSIGN = "http://127.0.0.1:3000" } = process.env;
const HOST = `127.0.0.1:${PORT}`;
/** What the question takes along: who asks, and whether that is a page. */
const ASKED = ["accept", "cookie", "sec-fetch-mode", "upgrade", "x-requested-with"];
/** What of an answer goes on to the browser. */
const ANSWERED = ["content-type", "content-security-policy", "location", "set-cookie", "www-authenticate"];

const chosen = (headers, names) => Object.fromEntries(names.filter((n) => n in headers).map((n) => [n, headers[n]]));

createServer((request, response) => {
  const headers = {
    ...chosen(request.headers, ASKED),
    "x-forwarded-proto": "http",
    "x-forwarded-host": HOST,
    "x-forwarded-uri": request.url,
    "x-forwarded-method": request.method,
  };
  const question = ask(`${COUNTERSIGN}/forward-auth`, { headers }, (answer) => {
    if (answer.statusCode === 200) {
      answer.resume();
      report(response, answer.headers);
    } else answer.pipe(response.writeHead(answer.statusCode, chosen(answer.headers, ANSWERED)));
  });
  // Nobody passes unasked.
  question.on("error", () => response.writeHead(503).end("Countersign does not answer.\n"));
  question.end();
}).listen(Number(PORT), "127.0.0.1", () => console.log(`Reports listen at http://${HOST}`));

/** The application itself: it believes what stands in these headers, since nobody reaches it but through the gate. */
function report(response, headers) {
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end(`<!doctype html><html lang="en"><title>Reports</title><h1>Reports</h1>
    <p>Signed in as <b>${headers["remote-user"]}</b>, level ${headers["remote-level"]}.</p>
    <p><a href="/.countersign/sign-out">Sign out</a></p></html>`);
}
