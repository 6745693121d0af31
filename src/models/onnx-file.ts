import { realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { DataError } from "../errors.js";
import { openFile, readRange } from "../files.js";
import {
  decodeModel,
  type ExternalTensor,
  externalSettings,
  internalized,
  metadataOf,
  parametersFor,
  type StoredBinding,
  type Value,
  withoutPrelude,
} from "../onnx/index.js";
import type { Tensor } from "../weights/index.js";
import { type OnnxNetwork, onnxGraph, onnxNetwork, ownResolution } from "./onnx-network.js";

/** A classifier as it lies in an ONNX file. */
export interface OnnxContent {
  readonly network: OnnxNetwork;
  /** The values of its parameters. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a classifier from an ONNX file, and what it keeps in files beside it.
 * @throws {DataError} where it is none, or external data are missing, too short, or outside the file's folder
 * @throws {UnsupportedOperatorError} for operators that are not known here
 */
export async function readOnnx(path: string): Promise<OnnxContent> {
  const file = await openFile(path, "model");
  let bytes: Uint8Array;
  try {
    bytes = await file.readFile();
  } finally {
    await file.close();
  }
  const beside = new ExternalFiles(path);
  try {
    // What an export does to pictures of any size is done here by the loader.
    const decoded = withoutPrelude(decodeModel(bytes));
    const settings = new Map<string, Uint8Array>();
    for (const { name, place } of externalSettings(decoded)) settings.set(name, await beside.bytes(name, place));
    const network = onnxNetwork(internalized(decoded, settings), basename(path));
    const size = { resolution: ownResolution(network), batch: network.input.batch ?? 1 };
    const { graph, bindings } = onnxGraph(network, size);
    const tensors = new Map<string, Tensor>();
    for (const value of parametersFor(Object.values(graph.outputs)))
      tensors.set(value.name, await beside.tensor(value, bindings.get(value.name)!));
    return { network, tensors, metadata: metadataOf(network.file) };
  } finally {
    await beside.close();
  }
}

/** Files that lie in the folder of a model and hold its tensors. */
class ExternalFiles {
  private readonly open = new Map<string, Promise<Awaited<ReturnType<typeof openFile>>>>();

  constructor(private readonly model: string) {}

  async tensor({ name, type, shape }: Value, binding: StoredBinding): Promise<Tensor> {
    if (binding.kind === "data") return { type, shape, data: binding.data };
    return { type, shape, data: new Float32Array((await this.bytes(name, binding)).buffer as ArrayBuffer) };
  }

  async bytes(name: string, { location, offset, length }: ExternalTensor["place"]): Promise<Uint8Array> {
    let file = this.open.get(location);
    if (file === undefined) {
      file = this.opened(location);
      this.open.set(location, file);
    }
    const handle = await file;
    const { size } = await handle.stat();
    if (offset + length > size) {
      throw new DataError(
        `tensor "${name}" of "${this.model}" is at ${offset} to ${offset + length} of "${location}", which has ${size} bytes; fetch both files again.`,
      );
    }
    return readRange(handle, `file "${location}"`, offset, new Uint8Array(length));
  }

  async close(): Promise<void> {
    for (const file of this.open.values()) await (await file.catch(() => null))?.close();
  }

  /** Opens a file of the model's folder; a link must not lead out of it. */
  private async opened(location: string) {
    const folder = await realpath(dirname(this.model));
    const target = await realpath(join(folder, location)).catch(() => {
      throw new DataError(
        `"${this.model}" keeps its weights in "${location}", which is not in its folder; put the two files side by side.`,
      );
    });
    if (!target.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      throw new DataError(
        `"${this.model}" keeps weights in "${location}", which leaves the model's folder; this is refused.`,
      );
    return openFile(target, "weights of a model");
  }
}
