import {
  architecture,
  type EfficientNet,
  efficientnet,
  freshModel,
  type Network,
  type NetworkOptions,
  parametersOf,
} from "fixres/models";
import { type Graph, GraphBuilder, type Value } from "fixres/onnx";
import { openSession, packed, type Tensors } from "fixres/runtime";
import { filled } from "./fill.js";

/** Number of classes of all golden networks. */
export const CLASSES = 1000;

/** A golden network with its builder and its input, past the image normalisation. */
export function build(
  arch: string,
  batch: number,
  resolution: number,
  options: Omit<NetworkOptions, "classes"> = {},
  block: number | null = null,
): { b: GraphBuilder; x: Value; network: Network } {
  const b = new GraphBuilder([], block);
  const x = b.input("input", "float32", [batch, 3, resolution, resolution]);
  return { b, x, network: efficientnet(b, x, architecture(arch), { classes: CLASSES, ...options }) };
}

/** A model with the golden values in its tensors. */
export function goldenModel(arch: string): EfficientNet {
  const spec = architecture(arch);
  const classes = Array.from({ length: CLASSES }, (_, i) => String(i));
  const parameters = parametersOf(spec, CLASSES);
  const tensors = parameters.map((p) => [p.name, { type: p.type, shape: p.shape, data: filled(p) }] as const);
  return { ...freshModel(spec, classes, 0), tensors: new Map(tensors) };
}

/** Golden values by name. */
export const valuesOf =
  ({ tensors }: EfficientNet) =>
  (name: string): Float32Array =>
    tensors.get(name)!.data as Float32Array;

/** Runs a graph once with the golden values in its parameters. */
export async function runOnce(graph: Graph, feeds: Tensors): Promise<Record<string, Float32Array>> {
  const session = await openSession(packed(graph, filled), { where: "here" });
  try {
    return (await session.run(feeds)) as Record<string, Float32Array>;
  } finally {
    await session.dispose();
  }
}
