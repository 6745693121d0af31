import { elements, type Graph, GraphBuilder, type Node, nodesFor } from "../onnx/index.js";
import { efficientnet } from "./efficientnet.js";
import { ARCHITECTURES, type Architecture, architecture } from "./family.js";
import { isTrainable, parametersOf } from "./initialize.js";

/** One member of the family as `fixres models` lists it. */
export interface FamilyRow {
  readonly name: string;
  /** Trainable parameters with 1000 classes. */
  readonly params: number;
  /** Multiply-adds of one picture at the training resolution. */
  readonly macs: number;
  readonly trainResolution: number;
  /** Where FixEfficientNet tests it: without extra training data if that was published, else with; null for neither. */
  readonly fixResolution: number | null;
  /** The same for weights trained with extra data; null where none was published. */
  readonly fixResolutionExtraData: number | null;
}

/** Trainable parameters of a network; B0 with 1000 classes has 5,288,548 (arXiv 1905.11946: 5.3M). */
export function parameterCount(arch: Architecture, classes: number): number {
  return parametersOf(arch, classes)
    .filter(({ name }) => isTrainable(name))
    .reduce((sum, { shape }) => sum + elements(shape), 0);
}

/** Multiply-adds of a graph's convolutions and matrix products; what works on each element by itself is not counted. */
export function multiplyAdds(graph: Graph): number {
  return nodesFor(Object.values(graph.outputs)).reduce((sum, node) => sum + nodeMultiplyAdds(node), 0);
}

function nodeMultiplyAdds({ op, inputs, outputs, attributes }: Node): number {
  const out = elements(outputs[0]!.shape);
  switch (op) {
    case "Conv":
      return out * elements(inputs[1]!.shape.slice(1));
    case "MatMul":
      return out * inputs[0]!.shape.at(-1)!;
    case "Gemm":
      return out * inputs[0]!.shape[attributes.transA === 1 ? 0 : 1]!;
    default:
      return 0;
  }
}

/** Multiply-adds of one picture through a network. @param resolution - height and width, px */
export function networkMultiplyAdds(arch: Architecture, classes: number, resolution: number): number {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1, 3, resolution, resolution]);
  const { logits } = efficientnet(b, x, arch, { classes });
  return multiplyAdds({ name: arch.name, inputs: [x], outputs: { logits } });
}

/** The whole family with its sizes, for 1000 classes. */
export function familyTable(): FamilyRow[] {
  return ARCHITECTURES.map((name) => {
    const arch = architecture(name);
    return {
      name,
      params: parameterCount(arch, 1000),
      macs: networkMultiplyAdds(arch, 1000, arch.trainResolution),
      trainResolution: arch.trainResolution,
      fixResolution: arch.fixResolution ?? arch.fixResolutionExtraData,
      fixResolutionExtraData: arch.fixResolutionExtraData,
    };
  });
}
