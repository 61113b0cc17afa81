/** What a name leads to: the addresses that a look-up gives, and the port of the test's TLS server, where there is one. */
export type PushHosts = Readonly<
  Record<string, { readonly addresses: readonly string[] | (() => readonly string[]); readonly port?: number }>
>;

export function leadPushHosts(hosts: PushHosts): () => void;
