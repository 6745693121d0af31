import { elements, GraphBuilder, parametersFor, type Shape, type Value } from "../onnx/index.js";
import { random } from "../random.js";
import type { Tensor } from "../weights/index.js";
import { efficientnet } from "./efficientnet.js";
import type { Architecture } from "./family.js";

/** Every parameter of a network by timm's name, in the order in which the network uses them; its data are not needed. */
export function parametersOf(arch: Architecture, classes: number): Value[] {
  const b = new GraphBuilder();
  // Shapes of parameters do not depend on the resolution.
  const x = b.input("x", "float32", [1, 3, 32, 32]);
  return parametersFor([efficientnet(b, x, arch, { classes }).logits]);
}

/** True for what training moves by gradients; running statistics are measured instead. */
export const isTrainable = (parameter: string): boolean => !/\.running_(mean|var)$/.test(parameter);

/**
 * The reference initialisation, as TensorFlow's EfficientNet and timm have it: convolutions normal with variance 2 / fan-out
 * (a depthwise one has its kernel's area as fan-out), the classifier uniform in ±1 / sqrt(classes), BatchNorm weight and
 * running variance 1, all else 0.
 * @param seed - each tensor has a stream of its own, from (seed, name)
 */
export function initialWeights(arch: Architecture, classes: number, seed: number): Map<string, Tensor> {
  return new Map(parametersOf(arch, classes).map((parameter) => [parameter.name, initialTensor(parameter, seed)]));
}

/** One tensor of the reference initialisation. */
export const initialTensor = ({ name, shape }: Pick<Value, "name" | "shape">, seed: number): Tensor => ({
  type: "float32",
  shape,
  data: initial(name, shape, seed),
});

function initial(name: string, shape: Shape, seed: number): Float32Array {
  const data = new Float32Array(elements(shape));
  const [outChannels = 1, perGroup = 1, kernelHeight = 1, kernelWidth = 1] = shape;
  const stream = random(seed, "init", name);
  if (shape.length === 4) {
    // Every depthwise kernel is a group with one output.
    const fanOut = kernelHeight * kernelWidth * (perGroup === 1 && kernelHeight > 1 ? 1 : outChannels);
    const deviation = Math.sqrt(2 / fanOut);
    for (let i = 0; i < data.length; i++) data[i] = deviation * stream.normal();
  } else if (shape.length === 2) {
    const range = 1 / Math.sqrt(outChannels);
    for (let i = 0; i < data.length; i++) data[i] = range * (2 * stream.uniform() - 1);
  } else if (name.endsWith(".running_var") || (name.endsWith(".weight") && shape.length === 1)) {
    data.fill(1);
  }
  return data;
}
