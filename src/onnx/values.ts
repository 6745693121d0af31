import { create, toBinary } from "@bufbuild/protobuf";
import { changed } from "./changed.js";
import type { OnnxFile } from "./parse.js";
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
} from "./proto/onnx_pb.js";
import { type StoredBinding, storedTensor } from "./tensors.js";

/** Bytes of copies that shared weights become, at most; what is past them stays shared. */
const MOST_COPIED = 2 ** 28;

/** Fewer elements are a setting, such as a scale, not weights. */
const FEWEST = 16;

/**
 * The same model with each weight as an initializer of its own: those that stand in `Constant` nodes are taken out, and those
 * that exporters share among layers, because their values agreed, are given to each. So each can be trained by itself.
 */
export function withOwnWeights(file: OnnxFile): OnnxFile {
  const initializers = new Map(file.graph.initializer.map((tensor) => [tensor.name, tensor]));
  const nodes = file.graph.node.filter(({ opType, input, output, attribute }) => {
    const [name] = output;
    const tensor = opType === "Constant" ? attribute[0]?.t : opType === "Identity" ? initializers.get(input[0]!) : null;
    if (!tensor || name === undefined || !isWeight(tensor)) return true;
    if (opType === "Constant" && tensor.dims.reduce((product, n) => product * n, 1n) <= FEWEST) return true;
    initializers.set(name, changed(tensor, { name }));
    return false;
  });
  const used = new Map<string, number>();
  let copied = 0;
  const own = nodes.map((node) => {
    const input = node.input.map((name) => {
      const tensor = initializers.get(name);
      if (tensor === undefined || !isWeight(tensor)) return name;
      const uses = used.get(name);
      used.set(name, 1);
      copied += uses === undefined ? 0 : bytesOf(tensor);
      if (uses === undefined || copied > MOST_COPIED) return name;
      let i = uses;
      while (used.has(`${name}_${i}`) || initializers.has(`${name}_${i}`)) i++;
      const copy = `${name}_${i}`;
      initializers.set(copy, changed(tensor, { name: copy }));
      used.set(name, i + 1).set(copy, 1);
      return copy;
    });
    return changed(node, { input });
  });
  return withGraph(file, { node: own, initializer: [...initializers.values()] });
}

const bytesOf = ({ rawData, floatData }: TensorProto): number => rawData.length + 4 * floatData.length;

/** The model with something else in its graph. */
const withGraph = (file: OnnxFile, fields: Partial<OnnxFile["graph"]>): OnnxFile =>
  changed(file, { graph: changed(file.graph, fields) });

const isWeight = ({ dataType, dims }: TensorProto): boolean =>
  dataType === TensorProto_DataType.FLOAT && dims.length > 0;

/** A tensor that lies in a file beside its model, and where. */
export interface ExternalTensor {
  readonly name: string;
  readonly place: Extract<StoredBinding, { kind: "file" }>;
}

/**
 * The initializers that a graph needs the elements of and that lie in files beside it: sizes, axes and other settings, and
 * weights of other types than float32.
 * @throws {DataError} for a place outside the model's folder
 */
export function externalSettings({ graph }: OnnxFile): ExternalTensor[] {
  return graph.initializer.flatMap((tensor) => {
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL || isWeight(tensor)) return [];
    const { binding } = storedTensor(tensor, `initializer "${tensor.name}"`);
    return binding.kind === "file" ? [{ name: tensor.name, place: binding }] : [];
  });
}

/** The same model with some tensors inside it. @param values - their bytes, by name */
export function internalized(file: OnnxFile, values: ReadonlyMap<string, Uint8Array>): OnnxFile {
  const initializer = file.graph.initializer.map((tensor) => {
    const rawData = values.get(tensor.name);
    return rawData === undefined ? tensor : changed(tensor, inside(rawData));
  });
  return withGraph(file, { initializer });
}

/** What a tensor's data are once they are in the model. */
const inside = (rawData: Uint8Array) => ({
  rawData,
  floatData: [],
  externalData: [],
  dataLocation: TensorProto_DataLocation.DEFAULT,
});

/**
 * The bytes of a model with other values: the same graph, self-contained.
 * @param values - of float32 initializers, by name; those that lie in an external file must all be among them
 * @param metadata - entries to add, or to put in the place of those of the same name
 */
export function withValues(
  file: OnnxFile,
  values: ReadonlyMap<string, Float32Array>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const initializer = file.graph.initializer.map((tensor) => {
    const data = values.get(tensor.name);
    if (data === undefined) return tensor;
    return changed(tensor, inside(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)));
  });
  const kept = file.metadataProps.filter(({ key }) => !Object.hasOwn(metadata, key));
  const added = Object.entries(metadata).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
  return toBinary(ModelProtoSchema, changed(withGraph(file, { initializer }), { metadataProps: [...kept, ...added] }));
}
