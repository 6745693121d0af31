import { DataError, RequestError } from "../../errors.js";

/** Some rows that follow one another: features after pooling, and the classes that they are of. */
export interface RowChunk {
  /** [count, width]. */
  readonly features: Float32Array;
  /** [count]. */
  readonly labels: Int32Array;
  readonly count: number;
}

/** The features of a whole set, from wherever they are kept. Every pass over them gives the same rows in the same chunks. */
export interface Rows {
  /** Rows of all chunks together. */
  readonly count: number;
  /** Features a row. */
  readonly width: number;
  /**
   * One pass, which may be begun any number of times. All chunks but the last should have one size: each size is a graph of its own.
   */
  rows(): AsyncIterable<RowChunk>;
}

/** Rows a chunk unless given: long enough for the products, and its logits of 1000 classes take 4 MB. */
export const CHUNK_ROWS = 1024;

/**
 * Rows that lie in memory, as chunks of it without a copy.
 * @param features - [labels.length, width]  @throws {RequestError} where they are not whole rows
 */
export function memoryRows(features: Float32Array, labels: Int32Array, width: number, chunkRows = CHUNK_ROWS): Rows {
  const count = labels.length;
  if (features.length !== count * width)
    throw new RequestError(`${features.length} features are not ${count} rows of ${width}; give one label a row.`);
  return {
    count,
    width,
    async *rows() {
      for (let start = 0; start < count; start += chunkRows) {
        const end = Math.min(start + chunkRows, count);
        yield {
          features: features.subarray(start * width, end * width),
          labels: labels.subarray(start, end),
          count: end - start,
        };
      }
    },
  };
}

/**
 * The labels of all rows, checked.
 * @throws {DataError} for a label that is no class, a feature that is not finite, or where there are more or fewer rows than said
 */
export async function labelsOf(rows: Rows, classes: number): Promise<Int32Array> {
  const all = new Int32Array(rows.count);
  let seen = 0;
  for await (const { features, labels, count } of rows.rows()) {
    if (seen + count > rows.count)
      throw new DataError(`there are more than the ${rows.count} rows that were announced.`);
    const wrong = labels.findIndex((label) => !(label >= 0 && label < classes));
    if (wrong >= 0)
      throw new DataError(
        `row ${seen + wrong} is of class ${labels[wrong]}, but the classifier has ${classes} classes.`,
      );
    const broken = features.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new DataError(
        `row ${seen + Math.floor(broken / rows.width)} has the feature ${features[broken]}; the network's weights are likely damaged.`,
      );
    }
    all.set(labels, seen);
    seen += count;
  }
  if (seen !== rows.count) throw new DataError(`${rows.count} rows were announced, but there are ${seen}.`);
  return all;
}
