import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isPublicPath, isPublicPathPattern } from "../../src/domain/public-path.js";

const PATTERNS = ["/healthz", "GET /feed/*", "/assets/*"];

/** What some server somewhere reads as a slash, a dot, the end of a path, or nothing. */
const SIGNS = [
  ...[
    "/",
    "//",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%5C",
    "%252f",
    "%255c",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8f",
    "\uff0f",
    ";/",
    ";",
  ],
  ...["%3b", "%00", "%0a", "%0d", "%09", "%20", "%7f", "%c2%85", "%c2%a0", "%23", "#", "%3f", "%", "%2", "%zz", "%ff"],
];
const PARENTS = [
  ...["..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..;", "..;a=b", "%c0%ae%c0%ae", "%e0%80%ae.", "%ef%bc%8e."],
  ...["\uff0e\uff0e", "..%00", "..%0a", "..%09", "...", ". .", ".%20.", "%e2%80%a5", "\u2025"],
];

/** Spellings that begin as a public path does, and that one server or another takes for a private one. */
const spellings = SIGNS.flatMap((one) =>
  PARENTS.flatMap((parent) =>
    SIGNS.map((other) => [`/feed${one}${parent}${other}admin`, `/assets/x${one}${parent}${other}..${one}admin`]).flat(),
  ),
);

describe("public paths", () => {
  it(`R29: are none of ${spellings.length} spellings of a private one`, () => {
    assert.ok(spellings.length > 2000);
    assert.deepEqual(
      spellings.filter((path) => isPublicPath(PATTERNS, "GET", path)),
      [],
    );
    for (const sign of SIGNS.filter((each) => each !== "/")) {
      for (const path of [`/healthz${sign}`, `/healthz${sign}/`, `${sign}/healthz`, `/x/..${sign}healthz`])
        assert.equal(isPublicPath(PATTERNS, "GET", path), false, path);
    }
  });

  it("R29: are compared as they were sent, whole or from their beginning, for the method that is named", () => {
    for (const path of ["/healthz", "/feed/", "/feed/a/b.xml", "/feed/%C3%A9.xml", "/assets/a.b-c_d~e"])
      assert.equal(isPublicPath(PATTERNS, "GET", path), true, path);
    for (const path of [
      "/",
      "/healthz/",
      "/healthzz",
      "/Healthz",
      "/%68ealthz",
      "/feed",
      "/feedback",
      "/xfeed/a",
      "/feed/./a",
      "feed/a",
    ])
      assert.equal(isPublicPath(PATTERNS, "GET", path), false, path);
    assert.equal(isPublicPath(PATTERNS, "HEAD", "/feed/a"), true);
    for (const method of ["POST", "DELETE", "get", "OPTIONS"])
      assert.equal(isPublicPath(PATTERNS, method, "/feed/a"), false, method);
    assert.equal(isPublicPath(PATTERNS, "POST", "/healthz"), true);
    assert.equal(isPublicPath([], "GET", "/"), false);
  });

  it("R29: are written without anything that stands for something else", () => {
    for (const pattern of ["/", "/*", "/healthz", "/feed/*", "GET /feed/*", "/a.b/c-d_e/"])
      assert.equal(isPublicPathPattern(pattern), true, pattern);
    for (const pattern of [
      "",
      "*",
      "feed",
      "/feed*",
      "/*/x",
      "/a/**",
      "/(a|b)",
      "/a/../b",
      "//a",
      "/a%2fb",
      "/a b",
      "get /a",
      "/a;b",
      "/a?b",
      "/a/./b",
      "GET  /a",
    ])
      assert.equal(isPublicPathPattern(pattern), false, pattern);
  });
});
