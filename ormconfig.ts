import { DataSource } from "typeorm";

import { dataSourceOptions } from "./src/database/data-source.js";

/** The data source of the TypeORM command line; the program opens its own with the same options. */
export default new DataSource(
  dataSourceOptions(process.env["DATABASE_URL"]?.trim() || "sqlite:.data/countersign.sqlite"),
);
