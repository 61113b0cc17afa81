/**
 * What a tab keeps for its next page. Browsers may refuse to keep anything, and then even a look at the storage throws.
 *
 * @param {string} key
 * @param {string} value
 * @returns {boolean} whether it is kept.
 */
export function keep(key, value) {
  try {
    sessionStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads what was kept, once.
 *
 * @param {string} key
 * @returns {string | null}
 */
export function take(key) {
  try {
    const value = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
    return value;
  } catch {
    return null;
  }
}
