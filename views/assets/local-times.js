import { momentWords } from "./moment-words.js";

/** Times stand in the page in UTC; here they become the reader's own. */
const { lang } = document.documentElement;
/** As the server writes them. */
const LOCALES = { en: "en-GB", ar: "ar-u-nu-latn" };
const { moment, clock } = momentWords(undefined, LOCALES[/** @type {keyof typeof LOCALES} */ (lang)] ?? lang);

// Messages tell times in it, too.
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
const isHttps = location.protocol === "https:";
document.cookie = `${isHttps ? "__Host-" : ""}countersign-time-zone=${timeZone}; Path=/; SameSite=Lax${isHttps ? "; Secure" : ""}`;

write();
document.addEventListener("visibilitychange", write); // a tab that was left open overnight: "today" is "yesterday" now

function write() {
  const now = new Date();
  for (const place of document.querySelectorAll("time[data-local]")) {
    const iso = place.getAttribute("datetime") ?? "";
    const at = new Date(iso);
    if (Number.isNaN(at.getTime())) continue;
    place.setAttribute("title", iso.slice(0, 16).replace("T", " ") + " UTC");
    place.textContent = place.getAttribute("data-local") === "clock" ? clock(at, now) : moment(at, now);
  }
}
