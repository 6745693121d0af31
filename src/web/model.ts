import { EXPORT_KEY } from "../classifier.js";
import { DataError } from "../errors.js";
import { type Model, modelOfFile, onnxGraph, onnxNetwork, ownResolution } from "../models/pure.js";
import { decodeModel, externalSettings, metadataOf, parametersFor, withoutPrelude } from "../onnx/index.js";
import { testTransform } from "../pixels/index.js";
import { contentOf, record } from "./description.js";

/**
 * The model in an ONNX file, to be taken apart and tuned: an export of fixres in float32, or any other's classifier.
 * @param name - what messages call the file
 * @throws {DataError} where it is none, or keeps its weights in other files
 * @throws {UnsupportedOperatorError} for operators that are not known here
 */
export function modelOf(bytes: Uint8Array, name: string): Model {
  const file = withoutPrelude(decodeModel(bytes));
  const beside = (location: string) =>
    new DataError(
      `model "${name}" keeps its weights in "${location}" beside it, where a page cannot look; give a file that holds all (fixres export).`,
    );
  for (const { place } of externalSettings(file)) throw beside(place.location);
  const network = onnxNetwork(file, name);
  const size = { resolution: ownResolution(network), batch: network.input.batch ?? 1 };
  const { graph, bindings } = onnxGraph(network, size);
  const tensors = new Map(
    parametersFor(Object.values(graph.outputs)).map(({ name: own, type, shape }) => {
      const binding = bindings.get(own)!;
      if (binding.kind !== "data") throw beside(binding.location);
      return [own, { type, shape, data: binding.data }];
    }),
  );
  const text = metadataOf(network.file)[EXPORT_KEY];
  return modelOfFile({ network, tensors }, text === undefined ? null : specOf(text, name), name);
}

type ModelSpec = NonNullable<Parameters<typeof modelOfFile>[1]>;

/** What an export says of itself, looked at part by part: a page is spared the schemas. */
function specOf(text: string, name: string): ModelSpec {
  const { content, preprocessing } = contentOf(text, name);
  const fault = (what: string) => new DataError(`metadata of model "${name}": ${what}; export it again.`);
  const isChannels = (value: unknown): boolean =>
    Array.isArray(value) && value.length === 3 && value.every((channel) => typeof channel === "number");
  const { arch, provenance, width, depth, batchNormEpsilon } = content;
  const { mean, std } = record(content.input);
  if (typeof arch !== "string") throw fault("it names no architecture");
  if (!(isChannels(mean) && isChannels(std))) throw fault("mean and std are no three numbers each");
  if (!(Array.isArray(provenance) && provenance.every((step) => typeof record(step).what === "string")))
    throw fault("the provenance is no list of steps");
  for (const scale of [width, depth, batchNormEpsilon])
    if (scale !== undefined && !(typeof scale === "number" && scale > 0))
      throw fault("a scale of the network is no number");
  testTransform(preprocessing);
  return content as unknown as ModelSpec;
}
