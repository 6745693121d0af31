import type { DuckDBConnection } from "@duckdb/node-api";
import { FailedError } from "../../errors.js";

/** Seconds that a question may take. */
const PATIENCE_S = 30;

export interface Database {
  /** @param values - of $1, $2, ... in the text; nothing that a client says stands in the text itself */
  ask<T>(sql: string, values: readonly (string | number | boolean)[]): Promise<T[]>;
  close(): void;
}

/**
 * DuckDB in memory, which may read files below one folder and nothing else, and fetch nothing. It reads of a Parquet file the columns
 * and groups that a question needs.
 * @throws {FailedError} where the package, an optional one, is not there
 */
export async function openDatabase(root: string): Promise<Database> {
  const { DuckDBInstance } = await import("@duckdb/node-api").catch(() => {
    throw new FailedError(
      "rows of predictions want the optional package @duckdb/node-api; npm install @duckdb/node-api.",
    );
  });
  const instance = await DuckDBInstance.create(":memory:", { threads: "2", memory_limit: "512MB" });
  const setup = await instance.connect();
  for (const line of [
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET temp_directory = ''",
    `SET allowed_directories = [${quoted(`${root}/`)}]`,
    "SET enable_external_access = false",
    "SET lock_configuration = true",
  ])
    await setup.run(line);
  setup.closeSync();
  return {
    async ask<T>(sql: string, values: readonly (string | number | boolean)[]): Promise<T[]> {
      const connection = await instance.connect();
      try {
        return (await within(connection, connection.runAndReadAll(sql, [...values]))).getRowObjectsJson() as T[];
      } finally {
        connection.closeSync();
      }
    },
    close: () => instance.closeSync(),
  };
}

async function within<T>(connection: DuckDBConnection, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => connection.interrupt(), PATIENCE_S * 1000);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
