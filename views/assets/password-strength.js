/**
 * Says in few words what would make a password better. It only helps the person who types: the server judges by itself.
 * A short list of what people type first is enough here; the full list stays on the server.
 */
const FIRST_TRIED = [
  "password",
  "passwort",
  "qwerty",
  "qwertz",
  "letmein",
  "welcome",
  "iloveyou",
  "monkey",
  "dragon",
  "football",
  "baseball",
  "sunshine",
  "princess",
  "superman",
  "trustno1",
  "admin",
  "login",
  "master",
  "shadow",
  "changeme",
  "secret",
  "starwars",
  "whatever",
];
const ROWS = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/**
 * @param {string} password
 * @param {number} minLength - in characters (code points).
 * @param {readonly string[]} own - the person's own words: username, email.
 * @returns {{ good: boolean, says: string, count?: number }} the name of what to say, if anything.
 */
export function judgePassword(password, minLength, own) {
  const length = [...password].length;
  if (length === 0) return { good: false, says: "" };
  if (length < minLength) {
    return { good: false, says: "missing", count: minLength - length };
  }
  const plain = password.toLowerCase();
  const rest = [...FIRST_TRIED, ...own.map((word) => word.toLowerCase()).filter((word) => word.length > 3)].reduce(
    (text, word) => text.replaceAll(word, ""),
    plain,
  );
  if (rest.length < plain.length && [...rest].length < 8) return { good: false, says: "first-tried" };
  if (new Set(plain).size < 5) return { good: false, says: "repeats" };
  if (isMadeOfRows(plain)) return { good: false, says: "rows" };
  return { good: true, says: length >= minLength + 6 ? "long" : "good" };
}

/** @param {string} plain */
function isMadeOfRows(plain) {
  let steps = 0;
  for (let i = 1; i < plain.length; i += 1) {
    const pair = plain.slice(i - 1, i + 1);
    const back = [...pair].reverse().join("");
    if (ROWS.some((row) => row.includes(pair) || row.includes(back))) steps += 1;
  }
  return steps > 0.6 * (plain.length - 1);
}
