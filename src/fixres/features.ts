import { type FileHandle, open, rm } from "node:fs/promises";
import { FailedError, reason } from "../errors.js";

/** Features at the cut, a row a sample: computed once, read in every epoch. */
export interface FeatureStore {
  readonly bytes: number;
  readonly where: "memory" | "disk";
  write(row: number, features: Float32Array): Promise<void>;
  /** Copies `length` elements of a row, from `at` on, into `out`, beginning at element `offset`. */
  read(row: number, out: Float32Array, offset: number, part: RowPart): Promise<void>;
  /** Frees the memory, or removes the file. */
  dispose(): Promise<void>;
}

/** Some of a row's elements. */
export interface RowPart {
  readonly at: number;
  readonly length: number;
}

/**
 * Room for `rows` of `length` floats: in memory if they fit into `memoryBytes`, else in a file.
 * @param path - of the file, which is removed at the end
 */
export async function openFeatureStore(
  rows: number,
  length: number,
  { memoryBytes, path }: { readonly memoryBytes: number; readonly path: string },
): Promise<FeatureStore> {
  const bytes = rows * length * 4;
  return bytes <= memoryBytes ? memoryStore(rows, length, bytes) : diskStore(length, bytes, path);
}

function memoryStore(rows: number, length: number, bytes: number): FeatureStore {
  let data = new Float32Array(rows * length);
  return {
    bytes,
    where: "memory",
    async write(row, features) {
      data.set(features, row * length);
    },
    async read(row, out, offset, part) {
      const start = row * length + part.at;
      out.set(data.subarray(start, start + part.length), offset);
    },
    async dispose() {
      data = new Float32Array(0);
    },
  };
}

async function diskStore(length: number, bytes: number, path: string): Promise<FeatureStore> {
  const fail = (error: unknown): never => {
    throw new FailedError(
      `the feature cache "${path}" (${Math.ceil(bytes / 2 ** 20)} MiB) cannot be used: ${reason(error)}. Give it more memory with --cache-memory, or free the disk.`,
    );
  };
  const handle: FileHandle = await open(path, "w+").catch(fail);
  const rowBytes = length * 4;
  return {
    bytes,
    where: "disk",
    async write(row, { buffer, byteOffset }) {
      const from = new Uint8Array(buffer, byteOffset, rowBytes);
      const { bytesWritten } = await handle.write(from, 0, rowBytes, row * rowBytes).catch(fail);
      // The system writes part of a row where the disk is full.
      if (bytesWritten !== rowBytes) fail(`only ${bytesWritten} of ${rowBytes} bytes were written`);
    },
    async read(row, out, offset, part) {
      const wanted = part.length * 4;
      const into = new Uint8Array(out.buffer, out.byteOffset + offset * 4, wanted);
      const { bytesRead } = await handle.read(into, 0, wanted, row * rowBytes + part.at * 4).catch(fail);
      if (bytesRead !== wanted) fail(`only ${bytesRead} of ${wanted} bytes could be read`);
    },
    async dispose() {
      await handle.close();
      await rm(path, { force: true });
    },
  };
}
