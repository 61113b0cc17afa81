/** What lies between two dates of the calendar; between two midnights there may be 23 or 25 hours. */
const DAY_MS = 86_400_000;

/**
 * Moments in few words: "today 10:42", "Tuesday 10:42", "3 Oct 2026, 10:42".
 *
 * @param {string} [timeZone] - the reader's own unless given.
 * @param {string} [locale]
 */
export function momentWords(timeZone, locale = "en-GB") {
  /** @type {Intl.DateTimeFormatOptions} */
  const toTheMinute = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  const time = new Intl.DateTimeFormat(locale, toTheMinute);
  const weekday = new Intl.DateTimeFormat(locale, { weekday: "long", timeZone });
  const date = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", ...toTheMinute });
  const near = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const numbers = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "numeric", year: "numeric", timeZone });
  return { moment, clock };

  /**
   * @param {Date} at
   * @param {Date} now
   */
  function moment(at, now) {
    const daysAgo = daysBetween(at, now);
    if (Math.abs(daysAgo) <= 1) return near.format(-daysAgo, "day") + " " + time.format(at);
    if (daysAgo > 1 && daysAgo < 7) return weekday.format(at) + " " + time.format(at);
    return date.format(at);
  }

  /**
   * A moment close to now: the time is enough while it is of the same day.
   *
   * @param {Date} at
   * @param {Date} now
   */
  function clock(at, now) {
    return daysBetween(at, now) === 0 ? time.format(at) : moment(at, now);
  }

  /** @type {(at: Date, now: Date) => number} */
  function daysBetween(at, now) {
    return (dateOf(now) - dateOf(at)) / DAY_MS;
  }

  /** @param {Date} at */
  function dateOf(at) {
    const parts = numbers.formatToParts(at);
    /** @param {Intl.DateTimeFormatPartTypes} type */
    const number = (type) => Number(parts.find((part) => part.type === type)?.value);
    return Date.UTC(number("year"), number("month") - 1, number("day"));
  }
}
