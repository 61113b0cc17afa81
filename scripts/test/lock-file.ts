interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * The optional packages that a lock file asks for and doesn't hold. npm writes such files on some systems, and then
 * leaves out on others what is built for them.
 *
 * @param packages - The `packages` of a package-lock.json, version 3.
 * @returns one line for each, `name, wanted by path`.
 */
export function missingFromLock(packages: Readonly<Record<string, LockedPackage>>): string[] {
  return Object.entries(packages).flatMap(([at, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !placesOf(name, at).some((place) => place in packages))
      .map((name) => `${name}, wanted by ${at || "package.json"}`),
  );
}

/** Where Node.js would look for `name` from a package at `at`, nearest first. */
function placesOf(name: string, at: string): string[] {
  const places: string[] = [];
  for (let from = at; ; from = from.slice(0, Math.max(0, from.lastIndexOf("/node_modules/")))) {
    places.push(from === "" ? `node_modules/${name}` : `${from}/node_modules/${name}`);
    if (from === "") return places;
  }
}
