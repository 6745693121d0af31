import type { FileHandle } from "node:fs/promises";
import { DataError } from "../../errors.js";
import { openFile, readRange } from "../../files.js";
import type { LazyTensor, WeightSource } from "../source.js";
import { openArchive } from "./archive.js";
import { Bytes } from "./bytes.js";
import { type Calls, unpickle } from "./pickle.js";
import { type StateDict, stateDict } from "./state-dict.js";
import { lazyTensor, type Storage, tensorCalls } from "./tensors.js";

/** What the older form begins with, and the version of it that there is. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** The older form has its pickles before its tensors; more than that of them is not read. */
const MOST_PICKLE_BYTES = 256 * 2 ** 20;

/**
 * Opens a PyTorch checkpoint (`torch.save`), in the zip form or the older one. Its pickle is read as data: what asks for anything but
 * tensors is refused by name, and nothing is run. Tensors are read one by one; the last storage is kept, for tensors that share it.
 * @throws {DataError} where it is damaged, asks for what is refused, or holds no tensors by name
 */
export async function openTorchCheckpoint(path: string): Promise<WeightSource> {
  const file = await openFile(path, "checkpoint");
  const start = Buffer.alloc(2);
  await file.read(start, 0, 2, 0);
  if (start.toString("latin1") !== "PK") return openLegacy(path, file);
  const archive = await openArchive(path, file).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  try {
    const order = archive.records.has("byteorder")
      ? Buffer.from(await archive.read("byteorder", null)).toString()
      : "little";
    if (order !== "little")
      throw new DataError(
        `checkpoint "${path}" has its bytes in ${order}-endian order; save it on a little-endian machine.`,
      );
    if (archive.records.has("constants.pkl"))
      throw new DataError(`checkpoint "${path}" is a TorchScript program; save the state_dict of the model instead.`);
    const storages = new Map<string, Storage>();
    const root = unpickle(new Bytes(await archive.read("data.pkl", null), path), tensorCalls(path, storages));
    // What the pickle says of sizes is believed from here on, so the archive must bear it out.
    for (const { key, bytes } of storages.values()) archive.check(`data/${key}`, bytes);
    const read = (storage: Storage): Promise<Uint8Array> => archive.read(`data/${storage.key}`, storage.bytes);
    return source(path, stateDict(path, root), read, async () => archive.close());
  } catch (error) {
    archive.close();
    throw error;
  }
}

function source(
  path: string,
  { tensors, notes }: StateDict,
  read: (storage: Storage) => Promise<Uint8Array>,
  close: () => Promise<void>,
): WeightSource {
  let last: { readonly key: string; readonly bytes: Promise<Uint8Array> } | null = null;
  const readOnce = (storage: Storage): Promise<Uint8Array> => {
    if (last?.key !== storage.key) last = { key: storage.key, bytes: read(storage) };
    return last.bytes;
  };
  const lazy = [...tensors].map(([name, view]): [string, LazyTensor] => [name, lazyTensor(path, name, view, readOnce)]);
  return { tensors: new Map(lazy), metadata: {}, notes, close };
}

/** Five pickles (magic number, version, the writer's machine, the object, keys of its storages), then each storage behind its length. */
async function openLegacy(path: string, file: FileHandle): Promise<WeightSource> {
  try {
    const { size } = await file.stat();
    const bytes = new Bytes(await readExactly(file, path, 0, Math.min(size, MOST_PICKLE_BYTES)), path);
    const plain: Calls = tensorCalls(path, new Map());
    if (unpickle(bytes, plain) !== MAGIC || unpickle(bytes, plain) !== PROTOCOL)
      bytes.fail("it does not begin as torch.save writes, and is no safetensors file either");
    const machine = unpickle(bytes, plain);
    if (machine instanceof Map && machine.get("little_endian") === false)
      throw new DataError(`checkpoint "${path}" was written on a big-endian machine; save it on a little-endian one.`);
    const storages = new Map<string, Storage>();
    const root = unpickle(bytes, tensorCalls(path, storages));
    const keys = unpickle(bytes, plain);
    const places = new Map<string, number>();
    let at = bytes.at;
    for (const key of Array.isArray(keys) ? (keys as unknown[]) : []) {
      const storage =
        storages.get(String(key)) ?? bytes.fail(`its storage ${JSON.stringify(String(key))} belongs to no tensor`);
      const count = new DataView((await readExactly(file, path, at, 8)).buffer).getBigInt64(0, true);
      if (Number(count) !== storage.elements || at + 8 + storage.bytes > size)
        bytes.fail(
          `its storage "${storage.key}" has ${count} elements where ${storage.elements} are needed, or is cut short`,
        );
      places.set(storage.key, at + 8);
      at += 8 + storage.bytes;
    }
    const read = (storage: Storage): Promise<Uint8Array> => {
      const place = places.get(storage.key) ?? bytes.fail(`its storage "${storage.key}" is missing`);
      return readExactly(file, path, place, storage.bytes);
    };
    return source(path, stateDict(path, root), read, () => file.close());
  } catch (error) {
    await file.close();
    throw error;
  }
}

const readExactly = (file: FileHandle, path: string, start: number, length: number): Promise<Uint8Array> =>
  readRange(file, `checkpoint "${path}"`, start, new Uint8Array(length));
