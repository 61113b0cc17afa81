import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgePassword } from "../../../views/assets/password-strength.js";

const judge = (password: string): { good: boolean; says: string; count?: number } =>
  judgePassword(password, 12, ["maria", "maria@example.com"]);

describe("the hint below a new password", () => {
  it("says nothing before something is typed", () => {
    assert.deepEqual(judge(""), { good: false, says: "" });
  });

  it("counts what is missing in characters as people count them", () => {
    assert.deepEqual(judge("short"), { good: false, says: "missing", count: 7 });
    assert.equal(judge("elevenchars").count, 1);
    assert.equal(judge("🦊🦊🦊🦊🦊🦊").count, 6);
  });

  it("warns of first guesses, repetitions, rows and the person's own name", () => {
    for (const password of [
      "password1234",
      "Password!Password!",
      "aaaaaaaaaaaa",
      "abababababab",
      "qwertyuiop[]",
      "abcdefghijkl",
      "0987654321098",
      "maria2026maria",
    ]) {
      assert.equal(judge(password).good, false, password);
    }
  });

  it("is content with a few unrelated words", () => {
    assert.equal(judge("tram lemon orbit").good, true);
    assert.equal(judge("tram lemon orbit quietly").says, "long");
  });
});
