import { setTimeout as wait } from "node:timers/promises";
import { Secret, TOTP } from "otpauth";

const PERIOD_MS = 30_000;

/** Somebody's authenticator app, set up with one account. */
export interface Authenticator {
  /**
   * A code that was not used yet. The program takes the step before the present one and the next one, too, so that three
   * codes are to be had at any moment; whoever wants more waits for the next step, as a person does.
   */
  code(): Promise<string>;
  /** The code of a moment, used or not. */
  codeAt(ms: number): string;
}

/** Sets up an authenticator app by what a QR code says, or by the secret as it is typed. */
export function authenticator(otpauthOrTyped: string): Authenticator {
  const url = /^otpauth:\/\/totp\//.test(otpauthOrTyped) ? new URL(otpauthOrTyped) : null;
  const secret = url === null ? otpauthOrTyped.replace(/\s/g, "") : (url.searchParams.get("secret") ?? "");
  const totp = new TOTP({ secret: Secret.fromBase32(secret), algorithm: "SHA1", digits: 6, period: 30 });
  let lastStep = 0;
  return {
    async code() {
      for (;;) {
        const present = Math.floor(Date.now() / PERIOD_MS);
        const step = Math.max(lastStep + 1, present - 1);
        if (step <= present + 1) {
          lastStep = step;
          return totp.generate({ timestamp: step * PERIOD_MS });
        }
        await wait((step - 1) * PERIOD_MS - Date.now() + 20);
      }
    },
    codeAt: (ms) => totp.generate({ timestamp: ms }),
  };
}
