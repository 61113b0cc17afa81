import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { momentWords } from "../../../views/assets/moment-words.js";

/** A moment, the present, both in UTC, and how the moment reads in a zone. */
type Reading = readonly [at: string, now: string, words: string];

const READINGS: Readonly<Record<string, readonly Reading[]>> = {
  // Clocks go back an hour at 01:00 UTC on Sunday, 25 October 2026, and ahead on Sunday, 29 March.
  "Europe/Berlin": [
    ["2026-10-24T21:30Z", "2026-10-26T08:00Z", "Saturday 23:30"],
    ["2026-10-24T22:30Z", "2026-10-26T08:00Z", "yesterday 00:30"],
    ["2026-10-25T00:30Z", "2026-10-25T22:59Z", "today 02:30"],
    ["2026-10-25T01:30Z", "2026-10-25T22:59Z", "today 02:30"],
    ["2026-10-25T22:59Z", "2026-10-25T23:00Z", "yesterday 23:59"],
    ["2026-03-28T22:30Z", "2026-03-30T22:30Z", "Saturday 23:30"],
    ["2026-03-28T22:59Z", "2026-03-29T21:59Z", "yesterday 23:59"],
    ["2026-03-29T21:59Z", "2026-03-28T22:59Z", "tomorrow 23:59"],
    ["2026-10-20T10:00Z", "2026-10-26T22:59Z", "Tuesday 12:00"],
    ["2026-10-19T21:59Z", "2026-10-26T22:59Z", "19 Oct 2026, 23:59"],
    ["2025-10-26T10:00Z", "2026-10-26T10:00Z", "26 Oct 2025, 11:00"],
  ],
  // Midnight itself is left out when clocks go ahead (24 April 2026) and comes twice when they go back (29 October).
  "Africa/Cairo": [
    ["2026-04-23T21:30Z", "2026-04-24T10:00Z", "yesterday 23:30"],
    ["2026-04-23T22:00Z", "2026-04-24T10:00Z", "today 01:00"],
    ["2026-10-29T20:30Z", "2026-10-30T10:00Z", "yesterday 23:30"],
    ["2026-10-29T21:30Z", "2026-10-30T10:00Z", "yesterday 23:30"],
  ],
  "America/New_York": [["2026-11-01T03:59Z", "2026-11-02T17:00Z", "Saturday 23:59"]],
  "Pacific/Auckland": [["2026-11-24T11:00Z", "2026-11-24T10:59Z", "tomorrow 00:00"]],
  "Asia/Kathmandu": [["2026-11-24T18:14Z", "2026-11-24T18:15Z", "yesterday 23:59"]],
  // Times to come, as of a pause that ends
  UTC: [
    ["2026-11-24T23:59Z", "2026-11-24T10:00Z", "today 23:59"],
    ["2026-11-25T00:05Z", "2026-11-24T23:58Z", "tomorrow 00:05"],
    ["2026-11-26T00:05Z", "2026-11-24T23:58Z", "26 Nov 2026, 00:05"],
    ["2027-01-01T00:00Z", "2026-12-31T23:59Z", "tomorrow 00:00"],
  ],
};

describe("K16 a moment", () => {
  for (const [zone, readings] of Object.entries(READINGS))
    for (const [at, now, words] of readings)
      it(`of ${at} reads "${words}" in ${zone} at ${now}`, () => {
        assert.equal(momentWords(zone).moment(new Date(at), new Date(now)), words);
      });

  it("close to now is a time alone on the same day only", () => {
    const clock = (at: Date, now: Date): string => momentWords("Europe/Berlin").clock(at, now);
    assert.equal(clock(new Date("2026-10-25T22:50Z"), new Date("2026-10-25T22:40Z")), "23:50");
    assert.equal(clock(new Date("2026-10-25T23:05Z"), new Date("2026-10-25T22:50Z")), "tomorrow 00:05");
    assert.equal(clock(new Date("2026-10-25T22:50Z"), new Date("2026-10-25T23:05Z")), "yesterday 23:50");
  });
});
