import type { Browser, BrowserContext, Page } from "playwright-core";

import { launchBrowser } from "../../kit/chromium.js";
import { seededRandom } from "../../kit/random.js";
import { type AttackedProgram, PASSWORD, attackProgram } from "./attacked-program.js";
import { type Attack, inParallel } from "./attack.js";

/** Playwright would exit at a signal by itself, before the rest of the attacked has been closed. */
const OURS_TO_STOP = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };

const SEEDS = [
  "<script>window.hit=1</script>",
  '"><script>window.hit=1</script>',
  "'><script>window.hit=1</script>",
  "</title><script>window.hit=1</script>",
  "</textarea><script>window.hit=1</script>",
  "<img src=x onerror=window.hit=1>",
  '"><img src=x onerror=window.hit=1>',
  '" autofocus onfocus="window.hit=1',
  "' autofocus onfocus='window.hit=1",
  "<svg/onload=window.hit=1>",
  '"><svg><script>window.hit=1</script></svg>',
  "javascript:window.hit=1",
  "{{constructor.constructor('window.hit=1')()}}",
  "{{range.constructor('return 1')()}}",
  "{% include '/etc/passwd' %}",
  "${window.hit=1}",
  "<iframe srcdoc='<script>parent.hit=1</script>'>",
  "<body onload=window.hit=1>",
  "<details open ontoggle=window.hit=1>",
  "<math><mtext></form><form><mglyph><style></math><img src onerror=window.hit=1>",
  "<noscript><p title='</noscript><img src=x onerror=window.hit=1>'>",
  "<!--><script>window.hit=1</script>-->",
  "<base href=//evil.example/>",
  "<meta http-equiv=refresh content='0;url=javascript:window.hit=1'>",
  "<link rel=stylesheet href=//evil.example/x.css>",
  "<style>@import '//evil.example/x.css';</style>",
  "<form action=//evil.example><input type=submit autofocus>",
  "\u003cscript\u003ewindow.hit=1\u003c/script\u003e",
  "&lt;script&gt;window.hit=1&lt;/script&gt;",
  "<scr\u0000ipt>window.hit=1</script>".replace("\u0000", "\u200b"),
];
const OPEN = ["", '"', "'", "`", '">', "'>", "</p>", "</dd>", "</main>", "-->", "]]>", "</option></select>", '" x="'];
const BODY = [
  "<script>window.hit=1</script>",
  "<img src=x onerror=window.hit=1>",
  "<svg onload=window.hit=1>",
  '<a href="javascript:window.hit=1" autofocus onfocus=window.hit=1>',
  "<input autofocus onfocus=window.hit=1>",
  "<video src=x onerror=window.hit=1>",
];
const CLOSE = ["", "<!--", "//", "<p title='", '<x y="'];

/** Scripts in every text that a page shows, opened in Chromium, which reports what the policy had to stop. */
export const scriptsInPages: Attack = {
  name: "scripts-in-pages",
  what: "script payloads in every shown field, in Chromium",
  full: 150,
  short: 2,
  run: (count, progress) =>
    attackProgram({ TRUST_PROXY: "1", APPROVAL_TTL_SECONDS: "3600" }, async (attacked) => {
      const browser = await launchBrowser(attacked, OURS_TO_STOP);
      const { below: roll } = seededRandom(9);
      const hits: string[] = [];
      let shown = 0;
      const pick = (list: readonly string[]): string => list[roll(list.length)] ?? "";
      const seesInjection = await noticesInjection(attacked, browser);
      await inParallel(count, 2, async (at) => {
        const payload = SEEDS[at] ?? pick(OPEN) + pick(BODY) + pick(CLOSE);
        const pages = await tryPayload(attacked, browser, payload, hits);
        shown += pages;
        progress(at + 1);
      });
      return {
        seen: `${hits.length} run or reported on ${shown} pages${hits.length === 0 ? "" : `: ${hits.slice(0, 3).join("; ")}`}`,
        allowed: "0 run, 0 reports of the content security policy",
        isKept: hits.length === 0 && seesInjection && shown >= count * 12,
      };
    }),
};

/** Without this, nothing found would mean nothing: what somebody does inject is noticed, whether it is stopped or run. */
async function noticesInjection(attacked: AttackedProgram, browser: Browser): Promise<boolean> {
  const context = await browser.newContext();
  const hits: string[] = [];
  await listen(context, "a control", hits);
  const page = await context.newPage();
  await page.goto(`${attacked.site}/login`);
  await page.evaluate(`try {
    document.createElement("img").setAttribute("onerror", "window.hit=1");
  } catch {} // the policy asks for trusted types`);
  await page.waitForTimeout(300);
  const seesReport = hits.length > 0;
  await page.evaluate("window.hit = 1");
  await judge(page, "the control", "a control", hits);
  await context.close();
  return seesReport && hits.some((hit) => hit.includes(" ran "));
}

/** Puts one payload everywhere, through the forms where they accept it, and straight into the rows where they do not. */
async function tryPayload(
  attacked: AttackedProgram,
  browser: Browser,
  payload: string,
  hits: string[],
): Promise<number> {
  const printable = payload.replace(/[^\x20-\x7e]/g, "");
  const context = await browser.newContext({
    userAgent: printable,
    extraHTTPHeaders: { "x-forwarded-for": printable.replaceAll(",", " ") },
  });
  let pages = 0;
  try {
    await listen(context, payload, hits);
    const page = await context.newPage();
    const look = async (path: string): Promise<void> => {
      await page.goto(attacked.site + path);
      await judge(page, path, payload, hits);
      pages += 1;
    };
    // Forms that give back what was typed.
    await look(`/login?next=${encodeURIComponent(`/${payload}`)}`);
    await fillAndSend(page, "/login", { username: payload, password: payload });
    await judge(page, "POST /login", payload, hits);
    await look(`/register?next=${encodeURIComponent(payload)}`);
    await fillAndSend(page, "/register", { username: payload, email: payload, password: payload });
    await judge(page, "POST /register", payload, hits);
    pages += 2;
    await look(`/${encodeURIComponent(payload)}`);

    // What only a hole elsewhere could have written: the rows themselves.
    const target = await attacked.addTarget();
    await page.goto(`${attacked.site}/login`);
    await fillAndSend(page, "/login", { username: target.username, password: PASSWORD });
    await judge(page, "the waiting page", payload, hits);
    for (const sql of [
      "UPDATE attempts SET browser_label = ?, address = ? WHERE subscriber_id = ?",
      "UPDATE subscribers SET username = substr(?, 1, 60), email = ? WHERE id = ?",
    ])
      attacked.program.rows.run(sql, payload, payload, target.id);
    await look("/login/approval");
    await look("/login/code");
    await fillAndSend(page, "/login/code", { code: payload });
    await judge(page, "POST /login/code", payload, hits);
    await fillAndSend(page, "/login/code", { code: await attacked.program.phone.code(target.authyId) });
    attacked.program.rows.run(
      "UPDATE sessions SET browser_label = ?, address = ? WHERE subscriber_id = ?",
      payload,
      payload,
      target.id,
    );
    attacked.program.rows.run(
      "UPDATE browsers SET label = ?, address = ? WHERE subscriber_id = ?",
      payload,
      payload,
      target.id,
    );
    attacked.program.rows.run(
      "UPDATE audit_events SET browser_label = ?, address = ?, detail = ? WHERE subscriber_id = ?",
      ...[payload, payload, payload, target.id],
    );
    for (const path of [
      "/account",
      "/account/sessions",
      "/account/activity",
      "/account/two-factor",
      "/account/password",
    ])
      await look(path);
  } finally {
    await context.close();
  }
  return pages;
}

async function listen(context: BrowserContext, payload: string, hits: string[]): Promise<void> {
  await context.exposeBinding("reportBlocked", (_source, what: string) => {
    hits.push(`the policy stopped ${what} of ${JSON.stringify(payload)}`);
  });
  await context.addInitScript({
    content: `document.addEventListener("securitypolicyviolation", (event) => {
      window.reportBlocked(event.violatedDirective + " " + event.blockedURI);
    });`,
  });
  context.on("dialog", (dialog) => {
    hits.push(`a dialog of ${JSON.stringify(payload)}`);
    void dialog.dismiss();
  });
  context.on("request", (request) => {
    if (new URL(request.url()).hostname.endsWith("evil.example"))
      hits.push(`a request elsewhere of ${JSON.stringify(payload)}`);
  });
}

async function judge(page: Page, where: string, payload: string, hits: string[]): Promise<void> {
  const wasRun = await page.evaluate(() => "hit" in globalThis);
  if (wasRun) hits.push(`${where} ran ${JSON.stringify(payload)}`);
  const { origin } = new URL(page.url());
  if (!origin.startsWith("http://localhost")) hits.push(`${where} went to ${origin}`);
}

async function fillAndSend(page: Page, action: string, fields: Readonly<Record<string, string>>): Promise<void> {
  const form = page.locator(`form[action="${action}"]`).first();
  // The browser's own checks would refuse a text before the server could.
  await form.evaluate((node: unknown) => {
    (node as { noValidate: boolean }).noValidate = true;
  });
  for (const [name, value] of Object.entries(fields)) await form.locator(`[name="${name}"]`).first().fill(value);
  await Promise.all([page.waitForEvent("framenavigated"), form.locator("button:not([type=button])").first().click()]);
  await page.waitForLoadState("load");
}
