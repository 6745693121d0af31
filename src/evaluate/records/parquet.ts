import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { type BasicType, ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import { z } from "zod";
import { DataError, reason } from "../../errors.js";
import { openAside, openFile } from "../../files.js";
import type { Row } from "./rows.js";

/** Rows that are written, and read, at a time: what memory they take does not grow with their number. */
const ROW_GROUP = 10_000;

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
export async function writeRows(
  path: string,
  batches: AsyncIterable<readonly Row[]>,
  kept: number,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const file = await openAside(path);
  try {
    const buffer = new ByteWriter();
    const flush = async (): Promise<void> => {
      await file.write(buffer.getBytes());
      buffer.index = 0;
    };
    const writer = new ParquetWriter({
      writer: buffer,
      schema: schemaFromColumnData({ columnData: columns([], kept) }),
      kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      createdBy: "fixres",
    });
    let waiting: Row[] = [];
    const write = async (rows: readonly Row[]): Promise<void> => {
      await writer.write({ columnData: columns(rows, kept), rowGroupSize: ROW_GROUP });
      await flush();
    };
    for await (const rows of batches) {
      waiting.push(...rows);
      if (waiting.length < ROW_GROUP) continue;
      await write(waiting.slice(0, ROW_GROUP));
      waiting = waiting.slice(ROW_GROUP);
    }
    if (waiting.length > 0) await write(waiting);
    await writer.finish();
    await flush();
    await file.commit();
  } finally {
    await file.discard();
  }
}

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
  // Says what is wrong where there is no such file.
  await (await openFile(path, "rows of a record")).close();
  const attempt = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw new DataError(`"${path}" cannot be read as rows of a record: ${reason(error)}. Evaluate again.`);
    });
  const file = await attempt(asyncBufferFromFile(path));
  const metadata: FileMetaData = await attempt(parquetMetadataAsync(file));
  const total = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < total; rowStart += ROW_GROUP) {
    const rowEnd = Math.min(total, rowStart + ROW_GROUP);
    const objects = await attempt(parquetReadObjects({ file, metadata, rowStart, rowEnd }));
    if (objects.length !== rowEnd - rowStart)
      throw new DataError(`"${path}" holds fewer rows than the ${total} that it claims; evaluate again.`);
    yield objects.map((object, i) => rowOf(object, `"${path}", row ${rowStart + i}`));
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
