/** Times stand in the page in UTC; here they become the reader's own: "today 10:42", "Tuesday 10:42", "3 Oct 2026, 10:42". */
const DAY_MS = 86_400_000;
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "long" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

for (const place of document.querySelectorAll("time[data-local]")) {
  const iso = place.getAttribute("datetime") ?? "";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) continue;
  place.setAttribute("title", iso.slice(0, 16).replace("T", " ") + " UTC");
  place.textContent = place.getAttribute("data-local") === "clock" ? clock.format(at) : moment(at);
}

/** @param {Date} at */
function moment(at) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const daysAgo = Math.ceil((midnight.getTime() - at.getTime()) / DAY_MS);
  if (daysAgo <= 0) return "today " + clock.format(at);
  if (daysAgo === 1) return "yesterday " + clock.format(at);
  if (daysAgo < 7) return weekday.format(at) + " " + clock.format(at);
  return date.format(at) + ", " + clock.format(at);
}
