import { invalidRequest } from "./authy-error.js";

/** What a form, a query or a JSON body may hold. */
export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
export type Params = Record<string, Value>;

type Branch = Map<string, Node>;
type Node = string | Node[] | Branch;
const MAX_DEPTH = 8;

/**
 * Reads a query or form body with names in brackets the way Rails does: `user[email]=…`, `logos[][res]=…`.
 * A repeated plain name keeps its last value; `list[][a]` opens a new element when the last one has `a` already.
 *
 * @throws AuthyError 60002 when one name is used as a text and as a map, or brackets go deeper than eight levels.
 * @see https://guides.rubyonrails.org/action_controller_overview.html#hash-and-array-parameters
 */
export function parseBracketed(text: string): Params {
  const root: Branch = new Map();
  for (const [name, value] of new URLSearchParams(text)) {
    const path = splitName(name);
    if (path.length > MAX_DEPTH) throw invalidRequest("Parameters are nested too deeply");
    put(root, path, value);
  }
  return plainMap(root);
}

function splitName(name: string): [string, ...string[]] {
  const match = /^([^[]+)((?:\[[^\]]*\])+)$/.exec(name);
  if (!match?.[1] || match[2] === undefined) return [name];
  return [match[1], ...match[2].slice(1, -1).split("][")];
}

function put(branch: Branch, [name, ...rest]: [string, ...string[]], value: string): void {
  const [next] = rest;
  if (next === undefined) {
    if (branch.has(name) && typeof branch.get(name) !== "string") throw conflict(name);
    branch.set(name, value);
  } else if (next === "") {
    putInList(
      child<Node[]>(branch, name, isList, () => []),
      rest.slice(1),
      value,
      name,
    );
  } else {
    put(
      child<Branch>(branch, name, isBranch, () => new Map()),
      rest as [string, ...string[]],
      value,
    );
  }
}

function putInList(list: Node[], rest: string[], value: string, name: string): void {
  const [key] = rest;
  if (key === undefined) {
    list.push(value);
    return;
  }
  if (key === "") throw conflict(name); // a list straight inside a list has no spelling in Rails
  let last = list.at(-1);
  if (last === undefined || !isBranch(last) || (rest.length === 1 && last.has(key))) list.push((last = new Map()));
  put(last, rest as [string, ...string[]], value);
}

function child<T extends Node>(branch: Branch, name: string, fits: (node: Node) => node is T, make: () => T): T {
  const present = branch.get(name);
  if (present === undefined) {
    const made = make();
    branch.set(name, made);
    return made;
  }
  if (!fits(present)) throw conflict(name);
  return present;
}

const isList = (node: Node): node is Node[] => Array.isArray(node);
const isBranch = (node: Node): node is Branch => node instanceof Map;
const conflict = (name: string): Error => invalidRequest(`Parameter ${name.slice(0, 40)} is given in two shapes`);

// fromEntries makes own properties even of `__proto__`, where assignment would not
const plainMap = (branch: Branch): Params => Object.fromEntries([...branch].map(([name, node]) => [name, plain(node)]));

function plain(node: Node): Value {
  if (typeof node === "string") return node;
  return Array.isArray(node) ? node.map(plain) : plainMap(node);
}
