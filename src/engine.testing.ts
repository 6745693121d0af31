import { elements, type Graph, type Shape, type TypedArray, type Value } from "./onnx/index.js";
import { random } from "./random.js";
import { openSession, packed, type Tensors } from "./runtime/index.js";

/** Runs a graph once in ONNX Runtime. */
export async function run(
  graph: Graph,
  data: (parameter: Value) => TypedArray,
  feeds: Tensors,
): Promise<Record<string, TypedArray>> {
  const session = await openSession(packed(graph, data), { where: "here", threads: 1 });
  try {
    return { ...(await session.run(feeds)) };
  } finally {
    await session.dispose();
  }
}

/** Normal numbers that depend on the name alone. */
export function noise(name: string, shape: Shape): Float32Array {
  const stream = random(0, name);
  return Float32Array.from({ length: elements(shape) }, () => stream.normal());
}

/** The largest difference of two arrays of one length; NaN where the lengths differ. */
export function worst(a: TypedArray, b: TypedArray): number {
  let most = a.length === b.length ? 0 : Number.NaN;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(Number(a[i]) - Number(b[i])));
  return most;
}
