import { pbkdf2, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { verify as verifyArgon2 } from "@node-rs/argon2";
import { verify as verifyBcrypt } from "@node-rs/bcrypt";

/** A hash that another system made. */
export interface ForeignHash {
  /** In the thread pool: the event loop goes on meanwhile. */
  verify(password: string): Promise<boolean>;
}

/** Why a hash of another system is not taken: it has none of the known forms, or to judge it costs too much. */
export type ForeignProblem = "form" | "cost";

/** What one hash may cost to judge at most: about a second of one core, and 256 MiB. */
const MOST = {
  bcryptCost: 14,
  scryptBytes: 268_435_456,
  scryptWork: 4_194_304,
  pbkdf2Rounds: 2_500_000,
  argon2KiB: 262_144,
  argon2Work: 1_048_576,
  argon2Passes: 20,
  argon2Lanes: 16,
};
const LEAST_BYTES = 8;
const MOST_BYTES = 64;

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const B64 = "[A-Za-z0-9+/.]{10,88}";
const SCRYPT = new RegExp(`^\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,4}),p=(\\d{1,4})\\$(${B64})\\$(${B64})$`);
/** As PHC writes it, `i=…` with or without `l=…`, and as passlib does. */
const PBKDF2 = new RegExp(
  `^\\$pbkdf2(?:-(sha1|sha256|sha512))?\\$(?:i=)?(\\d{1,9})(?:,l=(\\d{1,3}))?\\$(${B64})\\$(${B64})$`,
);
const ARGON2 = new RegExp(
  `^\\$argon2(?:id|i|d)\\$(?:v=(?:16|19)\\$)?m=(\\d{1,9}),t=(\\d{1,6}),p=(\\d{1,4})\\$(${B64})\\$(${B64})$`,
);

/** Reads bcrypt as `$2a$`, `$2b$` and `$2y$`, and scrypt, PBKDF2 and argon2 in PHC form. */
export function foreignHash(text: string): ForeignHash | ForeignProblem {
  return bcryptHash(text) ?? scryptHash(text) ?? pbkdf2Hash(text) ?? argon2Hash(text) ?? "form";
}

type Read = ForeignHash | ForeignProblem | null;

function bcryptHash(text: string): Read {
  const found = BCRYPT.exec(text);
  if (found === null) return null;
  const cost = Number(found[1]);
  if (cost < 4) return "form";
  return cost > MOST.bcryptCost ? "cost" : { verify: (password) => verifyBcrypt(password, text) };
}

function scryptHash(text: string): Read {
  const found = SCRYPT.exec(text);
  if (found === null) return null;
  const [, ln = "", r = "", p = "", salt = "", hash = ""] = found;
  const [cost, blockSize, parallelization] = [2 ** Number(ln), Number(r), Number(p)];
  const expected = bytesOf(hash);
  if (cost < 2 || blockSize < 1 || parallelization < 1 || !hasGoodLength(expected)) return "form";
  const memory = 128 * cost * blockSize;
  if (memory > MOST.scryptBytes || cost * blockSize * parallelization > MOST.scryptWork) return "cost";
  const options = { cost, blockSize, parallelization, maxmem: memory + 128 * blockSize * parallelization + 1_048_576 };
  return {
    verify: async (password) =>
      timingSafeEqual(await derive(password, bytesOf(salt), expected.length, options), expected),
  };
}

const derivePbkdf2 = promisify(pbkdf2);

function derive(password: string, salt: Buffer, length: number, options: object): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

function pbkdf2Hash(text: string): Read {
  const found = PBKDF2.exec(text);
  if (found === null) return null;
  const [, digest = "sha1", rounds = "", length, salt = "", hash = ""] = found;
  const expected = bytesOf(hash);
  if (Number(rounds) < 1 || !hasGoodLength(expected) || (length !== undefined && Number(length) !== expected.length))
    return "form";
  if (Number(rounds) > MOST.pbkdf2Rounds) return "cost";
  return {
    verify: async (password) =>
      timingSafeEqual(await derivePbkdf2(password, bytesOf(salt), Number(rounds), expected.length, digest), expected),
  };
}

function argon2Hash(text: string): Read {
  const found = ARGON2.exec(text);
  if (found === null) return null;
  const [memory, passes, lanes] = [Number(found[1]), Number(found[2]), Number(found[3])];
  if (passes < 1 || lanes < 1 || memory < 8 * lanes) return "form";
  if (passes > MOST.argon2Passes || lanes > MOST.argon2Lanes) return "cost";
  if (memory > MOST.argon2KiB || memory * passes > MOST.argon2Work) return "cost";
  return { verify: (password) => verifyArgon2(text, password) };
}

function hasGoodLength({ length }: Buffer): boolean {
  return length >= LEAST_BYTES && length <= MOST_BYTES;
}

/** passlib writes a dot where others write a plus. */
function bytesOf(base64: string): Buffer {
  return Buffer.from(base64.replaceAll(".", "+"), "base64");
}
