import type { DataSource, EntityMetadata } from "typeorm";

import type { RowSource } from "./schema.js";
import { directWayTo } from "./serialize-sqlite.js";

/** What may stand for a `:name`. */
export type Value = string | number | boolean | Date | null | readonly string[];

/** SQL that both databases understand, or one text for each, with values as `:name`. */
export type Text = string | { readonly sqlite: string; readonly postgres: string };

/**
 * A statement written by hand, for what each callback and each page asks: TypeORM's builders need ten times as long to make
 * the same text and to read its rows. It belongs into the file of its noun, and names the rule that it keeps.
 *
 * @param entity - Whose columns its rows have: they come with the names and types of that entity's properties. Of several
 *   entities the first that has a column decides.
 * @param text - A list is one value: a JSON text for SQLite's `json_each(:ids)`, an array for PostgreSQL's `ANY(:ids)`.
 * @param also - Columns of no entity, whose values come as they are.
 * @returns what runs it through a source and gives the rows that it selects or returns.
 */
export function statement<Row extends object>(
  entity: string | readonly string[],
  text: Text,
  also: readonly string[] = [],
): (source: RowSource, values: Readonly<Record<string, Value>>) => Promise<Row[]> {
  const [sqlite, postgres] = [forSqlite(text), forPostgres(text)];
  const entities = typeof entity === "string" ? [entity] : entity;
  const readers = new WeakMap<DataSource, Reader>();
  const doesWrite = !/^\s*SELECT\b/i.test(sqlite.sql);
  return async (source, values) => {
    const [first = ""] = entities;
    const { dataSource } = source.getRepository(first).metadata;
    const isPostgres = dataSource.options.type === "postgres";
    const { sql, names } = isPostgres ? postgres : sqlite;
    const given = names.map((name) => {
      const value = values[name];
      if (value === undefined) throw new Error(`a statement about ${first} lacks its :${name}`);
      return isPostgres ? value : valueForSqlite(value);
    });
    // Inside a transaction only its own manager leads to its connection.
    const isOutside = source === dataSource || source === dataSource.manager;
    const direct = isOutside ? directWayTo(dataSource) : undefined;
    let rows: unknown[];
    if (direct === undefined) {
      const found = await source.query<unknown[]>(sql, given);
      // PostgreSQL's driver adds the number of rows to those that an UPDATE returns.
      rows = Array.isArray(found[0]) ? found[0] : found;
    } else rows = await (doesWrite ? direct.write(sql, given) : direct.read(sql, given));
    let reader = readers.get(dataSource);
    if (reader === undefined) {
      const found = entities.map((each) => source.getRepository(each).metadata);
      readers.set(dataSource, (reader = newReader(found, also, isPostgres)));
    }
    return rows.map(reader) as Row[];
  };
}

interface Compiled {
  readonly sql: string;
  /** Whose values stand in it, in their order. */
  readonly names: readonly string[];
}

function forSqlite(text: Text): Compiled {
  const names: string[] = [];
  const sql = (typeof text === "string" ? text : text.sqlite).replace(/:(\w+)/g, (_, name: string) => {
    names.push(name);
    return "?";
  });
  return { sql, names };
}

function forPostgres(text: Text): Compiled {
  const names: string[] = [];
  const sql = (typeof text === "string" ? text : text.postgres).replace(/:(\w+)/g, (_, name: string) => {
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}`;
  });
  return { sql, names };
}

function valueForSqlite(value: Value): string | number | null {
  if (value instanceof Date) return value.toISOString().replace("T", " ").replace("Z", "");
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}

interface Column {
  readonly property: string;
  readonly read: (value: unknown) => unknown;
}

type Reader = (row: unknown) => object;

function newReader(found: readonly EntityMetadata[], also: readonly string[], isPostgres: boolean): Reader {
  const byName = new Map<string, Column>(also.map((name) => [name, { property: name, read: asItIs }]));
  for (const { databaseName, propertyName, type } of found.flatMap(({ columns }) => columns))
    if (!byName.has(databaseName))
      byName.set(databaseName, {
        property: propertyName,
        read: isPostgres ? readOfPostgres(type) : readOfSqlite(type),
      });
  return (row) => {
    const read: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(row as object)) {
      const column = byName.get(name);
      if (column !== undefined) read[column.property] = value === null ? null : column.read(value);
    }
    return read;
  };
}

/** SQLite has neither times nor truths. */
function readOfSqlite(type: unknown): Column["read"] {
  if (type === "datetime") return (text) => new Date(`${(text as string).replace(" ", "T")}Z`);
  return type === "boolean" ? (value) => value === 1 : readOfPostgres(type);
}

function readOfPostgres(type: unknown): Column["read"] {
  return type === "simple-json" ? (text) => JSON.parse(text as string) as unknown : asItIs;
}

function asItIs(value: unknown): unknown {
  return value;
}
