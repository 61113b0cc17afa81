/**
 * Sends a command to the sandbox; resolves with its answer.
 *
 * @throws {Error} whose message can be shown.
 */
export async function send(method, path, body = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The sandbox does not answer.");
  }
  if (response.status === 204) return null;
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
