import { pbkdf2Sync, randomBytes, randomInt, scryptSync } from "node:crypto";
import { hash as argon2 } from "@node-rs/argon2";
import { hash as bcrypt } from "@node-rs/bcrypt";

/** One account of another system, and the password that only its owner knows. */
export interface Foreigner {
  readonly name: string;
  readonly email: string;
  readonly hash: string;
  readonly password: string;
}

const base64 = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

/** How other systems hash, by kind; `isCheap` costs next to nothing. */
export const KINDS: Readonly<Record<string, (password: string, isCheap: boolean) => Promise<string>>> = {
  async bcrypt(password, isCheap) {
    const version = (["2a", "2b", "2y"] as const)[randomInt(3)] ?? "2b";
    return (await bcrypt(password, isCheap ? 4 : 10)).replace("$2b$", `$${version}$`);
  },
  scrypt(password, isCheap) {
    const [salt, ln] = [randomBytes(16), isCheap ? 4 : 14];
    const key = scryptSync(password, salt, 32, { cost: 2 ** ln, blockSize: 8, parallelization: 1 });
    return Promise.resolve(`$scrypt$ln=${ln},r=8,p=1$${base64(salt)}$${base64(key)}`);
  },
  pbkdf2(password, isCheap) {
    const [salt, rounds] = [randomBytes(16), isCheap ? 100 : 100_000];
    const key = pbkdf2Sync(password, salt, rounds, 32, "sha256");
    return Promise.resolve(`$pbkdf2-sha256$i=${rounds},l=32$${base64(salt)}$${base64(key)}`);
  },
  argon2: (password, isCheap) =>
    argon2(password, { memoryCost: isCheap ? 128 : 19_456, timeCost: isCheap ? 1 : 3, parallelism: 1 }),
};

/**
 * So many accounts of another system, with hashes of each kind in turn.
 *
 * @param passwords - How many different passwords: hashing is what takes long.
 */
export async function foreigners(count: number, passwords = count, isCheap = true): Promise<Foreigner[]> {
  const kinds = Object.values(KINDS);
  const secrets = await Promise.all(
    Array.from({ length: passwords }, async (_, at) => {
      const password = `lantern ${randomBytes(8).toString("hex")} ${at}`;
      return { password, hash: (await kinds[at % kinds.length]?.(password, isCheap)) ?? "" };
    }),
  );
  return Array.from({ length: count }, (_, at) => {
    const name = `person-${at}`;
    return { name, email: `${name}@example.com`, ...(secrets[at % passwords] ?? { hash: "", password: "" }) };
  });
}

/** As a file with a header line. */
export function csvOf(people: readonly Foreigner[]): string {
  return ["name,email,hash", ...people.map(({ name, email, hash }) => `${name},${email},"${hash}"`), ""].join("\n");
}

/** As a file with a line of JSON each. */
export function jsonOf(people: readonly Foreigner[]): string {
  return people.map(({ name, email, hash }) => `${JSON.stringify({ name, email, hash })}\n`).join("");
}
