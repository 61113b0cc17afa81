/** A message as a mail program shows it. */
export interface MailMessage {
  /** Names are in lower case; of several of one name the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Reads a message as SMTP delivers it: RFC 5322, MIME with one level of parts, quoted-printable and base64. */
export function readMessage(raw: Buffer): MailMessage {
  const { headers, body } = split(raw.toString("latin1"));
  const boundary = /boundary="?([^";]+)/i.exec(headers["content-type"] ?? "")?.[1];
  const parts = boundary === undefined ? [{ headers, body }] : partsOf(body, boundary);
  const ofType = (type: string): string => {
    const part = parts.find(({ headers: own }) => (own["content-type"] ?? "text/plain").toLowerCase().startsWith(type));
    return part === undefined ? "" : decoded(part.body, part.headers["content-transfer-encoding"] ?? "");
  };
  const subject = decodedWords(headers["subject"] ?? "");
  return { headers, subject, text: ofType("text/plain"), html: ofType("text/html") };
}

interface Entity {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function split(text: string): Entity {
  const end = text.indexOf("\r\n\r\n");
  const head = end < 0 ? text : text.slice(0, end);
  const headers: Record<string, string> = {};
  for (const line of head.replace(/\r\n[ \t]+/g, " ").split("\r\n")) {
    const [, name = "", value = ""] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== "") headers[name.toLowerCase()] ??= value;
  }
  return { headers, body: end < 0 ? "" : text.slice(end + 4) };
}

function partsOf(body: string, boundary: string): Entity[] {
  return body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => split(part.replace(/^\r\n|\r\n$/g, "")));
}

function decoded(body: string, encoding: string): string {
  if (/base64/i.test(encoding)) return Buffer.from(body, "base64").toString("utf8");
  const bytes = /quoted-printable/i.test(encoding) ? unquoted(body.replace(/=\r\n/g, "")) : body;
  return Buffer.from(bytes, "latin1").toString("utf8").replaceAll("\r\n", "\n");
}

function unquoted(text: string): string {
  return text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** RFC 2047, in UTF-8. */
function decodedWords(header: string): string {
  return header
    .replace(/\?=\s+=\?/g, "?==?")
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, kind: string, word: string) =>
      /b/i.test(kind) ? Buffer.from(word, "base64").toString("latin1") : unquoted(word.replaceAll("_", " ")),
    )
    .replace(/[\x80-\xff]+/g, (bytes) => Buffer.from(bytes, "latin1").toString("utf8"));
}
