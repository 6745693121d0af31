import { noise } from "../../engine.testing.js";
import { architecture, efficientnet, initialWeights, type Network } from "../../models/index.js";
import { type Graph, GraphBuilder, nodesFor, type ParameterData, type Value } from "../index.js";

const ARCH = architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 });
// Odd, so that SAME padding is uneven.
const RESOLUTION = 45;
const weights = initialWeights(ARCH, 7, 0);

/** A narrow EfficientNet for two pictures. */
export function network(): { b: GraphBuilder; x: Value; net: Network; graph: Graph } {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3, RESOLUTION, RESOLUTION]);
  const net = efficientnet(b, x, ARCH, { classes: 7 });
  return { b, x, net, graph: { name: "net", inputs: [x], outputs: { logits: net.logits } } };
}

/** What the network is fed. */
export const feeds = { x: noise("x", [2, 3, RESOLUTION, RESOLUTION]) };

/** The reference initialisation, with statistics and affine parts that a wrong fold would show. */
export const data: ParameterData = ({ name, shape }) => {
  if (shape.length > 1) return weights.get(name)!.data;
  const values = noise(name, shape);
  if (name.endsWith("running_var")) return values.map((v) => 0.5 + v * v);
  return name.endsWith("weight") ? values.map((v) => 1 + 0.2 * v) : values.map((v) => 0.2 * v);
};

/** The operators that a graph's outputs need, in order. */
export const operators = ({ outputs }: Graph): string[] => nodesFor(Object.values(outputs)).map(({ op }) => op);
