import Database from "better-sqlite3";

/** A row as SQLite has it. */
export type Row = Readonly<Record<string, string | number | null>>;

/** The program's SQLite file, looked at from outside. */
export interface Rows {
  all(sql: string, ...values: unknown[]): Row[];
  one(sql: string, ...values: unknown[]): Row | undefined;
  count(sql: string, ...values: unknown[]): number;
  run(sql: string, ...values: unknown[]): void;
  close(): void;
}

/** @param url - `sqlite:PATH` */
export function openRows(url: string): Rows {
  const database = new Database(url.replace(/^sqlite:/, ""), { timeout: 5000 });
  return {
    all: (sql, ...values) => database.prepare(sql).all(...values) as Row[],
    one: (sql, ...values) => database.prepare(sql).get(...values) as Row | undefined,
    count: (sql, ...values) =>
      Number(
        database
          .prepare(sql)
          .pluck()
          .get(...values),
      ),
    run(sql, ...values) {
      database.prepare(sql).run(...values);
    },
    close() {
      database.close();
    },
  };
}

/** For an UPDATE's SET: moves times back, as if so many seconds had gone by since. */
export function setBack(seconds: number, ...columns: string[]): string {
  return columns
    .map((column) => `${column} = strftime('%Y-%m-%d %H:%M:%f', ${column}, '-${seconds} seconds')`)
    .join(", ");
}
