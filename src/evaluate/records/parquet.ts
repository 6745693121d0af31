import { type BasicType, type ColumnSource, schemaFromColumnData } from "hyparquet-writer";
import { z } from "zod";
import { DataError } from "../../errors.js";
import type { Row } from "./rows.js";
import { openTable, ROW_GROUP, writeTable } from "./table.js";

/** The columns of rows with so many likeliest classes; `top1` and `probability1` are those of the likeliest. */
function columns(rows: readonly Row[], kept: number): ColumnSource[] {
  const column = (name: string, type: BasicType, of: (row: Row) => string | number | boolean): ColumnSource => ({
    ...{ name, type, nullable: false },
    data: rows.map(of),
  });
  const places = Array.from({ length: kept }, (_, k) => k);
  return [
    column("id", "STRING", ({ id }) => id),
    column("label", "INT32", ({ label }) => label),
    ...places.map((k) => column(`top${k + 1}`, "INT32", ({ top }) => top[k]!)),
    ...places.map((k) => column(`probability${k + 1}`, "DOUBLE", ({ probability }) => probability[k]!)),
    column("loss", "DOUBLE", ({ loss }) => loss),
    column("correct", "BOOLEAN", ({ correct }) => correct),
    column("correct5", "BOOLEAN", ({ correct5 }) => correct5),
  ];
}

/**
 * Writes rows as a Parquet file; the same rows give the same bytes.
 * @param kept - likeliest classes of each row  @param metadata - what stands in the file's metadata
 */
export const writeRows = (
  path: string,
  batches: AsyncIterable<readonly Row[]>,
  kept: number,
  metadata: Readonly<Record<string, string>>,
): Promise<void> =>
  writeTable(
    path,
    {
      schema: schemaFromColumnData({ columnData: columns([], kept) }),
      columns: (rows) => columns(rows, kept),
    },
    batches,
    metadata,
  );

const RowFile = z.looseObject({
  id: z.string(),
  label: z.number(),
  loss: z.number(),
  correct: z.boolean(),
  correct5: z.boolean(),
});

/**
 * Reads rows, some thousand at a time.
 * @throws {DataError} where the file is missing, damaged or holds something else
 */
export async function* readRows(path: string): AsyncGenerator<Row[]> {
  const table = await openTable(path, { what: "rows of a record", remedy: "evaluate again" });
  let start = 0;
  for await (const objects of table.read()) {
    yield objects.map((object, i) => rowOf(object, `"${path}", row ${start + i}`));
    start += ROW_GROUP;
  }
}

function rowOf(object: Record<string, unknown>, where: string): Row {
  const found = RowFile.safeParse(object);
  const numbers = (name: string): number[] => {
    const values: number[] = [];
    for (let k = 1; typeof object[`${name}${k}`] === "number"; k++) values.push(object[`${name}${k}`] as number);
    return values;
  };
  const [top, probability] = [numbers("top"), numbers("probability")];
  if (!found.success || top.length === 0 || top.length !== probability.length)
    throw new DataError(`${where} is no row of a record; give the folder that \`fixres eval --out\` wrote.`);
  const { id, label, loss, correct, correct5 } = found.data;
  return { id, label, top, probability, loss, correct, correct5 };
}
