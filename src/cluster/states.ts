import { randomUUID } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../errors.js";
import { exists, makeFolder } from "../files.js";
import type { TypedArray } from "../onnx/index.js";
import { readSafetensors, type Tensor, writeSafetensors } from "../weights/index.js";
import { fileHash } from "./store.js";

/** States of a run by rounds: a folder of safetensors files, each called by its SHA-256. */
type State = Readonly<Record<string, TypedArray>>;

const fileOf = (folder: string, hash: string): string => join(folder, `${hash}.safetensors`);

/** Keeps a state. Who writes the same again changes nothing. @returns its hash */
export async function keepState(folder: string, state: State): Promise<string> {
  await makeFolder(folder);
  const tensors = new Map(
    Object.entries(state).map(([name, data]): [string, Tensor] => [
      name,
      { type: "float32", shape: [data.length], data },
    ]),
  );
  const aside = join(folder, `${randomUUID()}.part`);
  try {
    await writeSafetensors(aside, tensors);
    const { sha256 } = await fileHash(aside);
    await rename(aside, fileOf(folder, sha256));
    return sha256;
  } finally {
    await rm(aside, { force: true });
  }
}

/** @throws {DataError} where it is missing or damaged */
export async function readState(folder: string, hash: string): Promise<State> {
  const file = fileOf(folder, hash);
  if (!(await exists(file))) throw new DataError(`the state "${file}" is missing; give the command again.`);
  if ((await fileHash(file)).sha256 !== hash)
    throw new DataError(`the state "${file}" is damaged; delete it and give the command again.`);
  const { tensors } = await readSafetensors(file);
  return Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]));
}

/** Removes all states but some. */
export async function keepOnlyStates(folder: string, hashes: readonly string[]): Promise<void> {
  const wanted = new Set(hashes.map((hash) => `${hash}.safetensors`));
  for (const name of await readdir(folder))
    if (name.endsWith(".safetensors") && !wanted.has(name)) await rm(join(folder, name), { force: true });
}
