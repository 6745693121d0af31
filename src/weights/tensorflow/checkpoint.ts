import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { DataError } from "../../errors.js";
import { openFile, readRange } from "../../files.js";
import { typed } from "../elements.js";
import type { LazyTensor, WeightSource } from "../source.js";
import { type Bundle, type BundleEntry, isElementType, readBundle, show } from "./bundle.js";
import { hex, maskedChecksum } from "./checksum.js";
import type { Fail } from "./table.js";
import { variables } from "./variables.js";

/** The index of the largest published network takes less than 1 MB. */
const MOST_INDEX_BYTES = 64 * 2 ** 20;

/**
 * Opens a checkpoint of TensorFlow in the form of `tf.train.Saver` (version 2, the tensor bundle): `PREFIX.index` and
 * `PREFIX.data-00000-of-00001`, or more such files. Tensors are read one by one, and compared with their checksums then. Averages are
 * taken before what they average.
 * @throws {DataError} where a file is missing or damaged, or tensors overlap or reach outside their file
 */
export async function openTensorflowCheckpoint(prefix: string): Promise<WeightSource> {
  const fail: Fail = (message, mend = "It is damaged or no checkpoint of TensorFlow; fetch it again") => {
    throw new DataError(`checkpoint "${prefix}.index": ${message}. ${mend}.`);
  };
  const bundle = readBundle(await readIndex(`${prefix}.index`, fail), fail);
  await checkPlaces(prefix, bundle, fail);
  const { tensors, notes } = variables(bundle.entries);
  if (tensors.size === 0) fail("it holds no tensors");
  const lazy = [...tensors].map(([name, entry]) => [name, lazyTensor(prefix, name, entry, bundle.shards)] as const);
  // A file is open only while one of its tensors is read: there may be many.
  return { tensors: new Map(lazy), metadata: {}, notes, close: async () => {} };
}

async function readIndex(path: string, fail: Fail): Promise<Uint8Array> {
  const file = await openFile(path, "checkpoint");
  try {
    const { size } = await file.stat();
    if (size > MOST_INDEX_BYTES) fail(`it has ${size} bytes, and an index has ${MOST_INDEX_BYTES} at most`);
    return await readRange(file, `checkpoint "${path}"`, 0, new Uint8Array(size));
  } finally {
    await file.close();
  }
}

const shardPath = (prefix: string, shard: number, shards: number): string =>
  `${prefix}.data-${String(shard).padStart(5, "0")}-of-${String(shards).padStart(5, "0")}`;

/** The data files must be there, and tensors lie in them side by side. Gaps are allowed: TensorFlow may align tensors. */
async function checkPlaces(prefix: string, { shards, entries }: Bundle, fail: Fail): Promise<void> {
  const ordered = [...entries]
    .filter(([, { size }]) => size > 0)
    .sort(([, a], [, b]) => a.shard - b.shard || a.offset - b.offset);
  let [shard, fileSize, end] = [-1, 0, 0];
  for (const [name, entry] of ordered) {
    if (entry.shard !== shard) [shard, fileSize, end] = [entry.shard, await sizeOf(prefix, entry.shard, shards), 0];
    if (entry.offset < end) fail(`tensor ${show(name)} at byte ${entry.offset} overlaps the one before, up to ${end}`);
    end = entry.offset + entry.size;
    if (!(end <= fileSize)) {
      throw new DataError(
        `checkpoint "${shardPath(prefix, shard, shards)}" has ${fileSize} bytes, and tensor ${show(name)} ends at byte ${end}. It was cut short; fetch it again.`,
      );
    }
  }
}

async function sizeOf(prefix: string, shard: number, shards: number): Promise<number> {
  const path = shardPath(prefix, shard, shards);
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile())
    throw new DataError(
      `checkpoint "${prefix}" lacks its data file "${basename(path)}", number ${shard + 1} of ${shards}; fetch it too.`,
    );
  return found.size;
}

function lazyTensor(prefix: string, name: string, entry: BundleEntry, shards: number): LazyTensor {
  const { dtype, shape, shard, offset, size, checksum, sliced } = entry;
  const path = shardPath(prefix, shard, shards);
  return {
    dtype,
    shape,
    async read() {
      const refuse = (message: string): never => {
        throw new DataError(`checkpoint "${path}": tensor ${show(name)} ${message}.`);
      };
      if (!isElementType(dtype)) return refuse(`holds ${dtype}, which is not read`);
      if (sliced) return refuse("was saved in parts, which is not read yet; save the variable without a partitioner");
      const bytes = new Uint8Array(size);
      if (size > 0) {
        const file = await openFile(path, "checkpoint");
        try {
          await readRange(file, `checkpoint "${path}"`, offset, bytes);
        } finally {
          await file.close();
        }
      }
      const found = maskedChecksum(bytes);
      if (found !== checksum)
        refuse(`has the checksum ${hex(found)}, where ${hex(checksum)} is written. It is damaged; fetch it again`);
      return { shape, ...typed(dtype, bytes) };
    },
  };
}
