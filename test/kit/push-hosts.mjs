import dns from "node:dns";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import tls from "node:tls";

const AUTHORITY = new URL("certificates/authority.pem", import.meta.url);

/**
 * Lets names lead to the addresses that a test says, and ends connections to them at the test's own TLS server on this
 * machine. The program's own look-up and rules run first: what they refuse never comes as far as a connection.
 *
 * As a preload (`--import`) it reads the same from PUSH_HOSTS_IN_TEST, in JSON.
 *
 * @param {import("./push-hosts.mjs").PushHosts} hosts
 * @returns {() => void} puts everything back
 */
export function leadPushHosts(hosts) {
  const [lookup, connect] = [dns.lookup, tls.connect];
  const answers = new Map(Object.entries(hosts));

  dns.lookup = /** @type {any} */ (
    (/** @type {string} */ name, /** @type {any} */ options, /** @type {any} */ answer) => {
      const to = answers.get(name);
      if (to === undefined) return Reflect.apply(lookup, dns, [name, options, answer]);
      const addresses = typeof to.addresses === "function" ? to.addresses() : to.addresses;
      const all = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
      process.nextTick(() =>
        options.all ? answer(null, all) : answer(null, all[0]?.address ?? "", all[0]?.family ?? 0),
      );
      return {};
    }
  );

  tls.connect = /** @type {any} */ (
    (/** @type {any} */ options, /** @type {any[]} */ ...rest) => {
      const to = answers.get(options?.host);
      if (to?.port === undefined) return Reflect.apply(connect, tls, [options, ...rest]);
      const ours = options.lookup ?? dns.lookup;
      return Reflect.apply(connect, tls, [
        {
          ...options,
          port: to.port,
          servername: "localhost", // which the certificate is for
          ca: readFileSync(AUTHORITY),
          lookup(/** @type {string} */ name, /** @type {any} */ how, /** @type {any} */ answer) {
            ours(name, how, (/** @type {Error | null} */ error) => {
              if (error) answer(error);
              else if (how.all) answer(null, [{ address: "127.0.0.1", family: 4 }]);
              else answer(null, "127.0.0.1", 4);
            });
          },
        },
        ...rest,
      ]);
    }
  );

  syncBuiltinESMExports();
  return () => {
    [dns.lookup, tls.connect] = [lookup, connect];
    syncBuiltinESMExports();
  };
}

const given = process.env["PUSH_HOSTS_IN_TEST"];
if (given !== undefined) leadPushHosts(JSON.parse(given));
