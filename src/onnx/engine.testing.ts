import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { random } from "../random.js";
import { openSession, packed, type Tensors } from "../runtime/index.js";
import { elements, type Graph, type Shape, serialize, type TypedArray, type Value } from "./index.js";
import { type ModelProto, ModelProtoSchema } from "./proto/onnx_pb.js";

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

/** The bytes of a model with something changed. */
export function edited(model: Uint8Array, change: (proto: ModelProto) => void): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, model);
  change(proto);
  return toBinary(ModelProtoSchema, proto);
}

/** The shapes of a graph's outputs by ONNX Runtime's own inference, without those that the model declares. */
export async function engineShapes(graph: Graph): Promise<Readonly<Record<string, Shape>>> {
  const model = edited(serialize(graph), (proto) => {
    for (const { type } of proto.graph!.output) {
      if (type?.value.case === "tensorType") delete type.value.value.shape;
    }
  });
  const session = await openSession({ model }, { where: "here", threads: 1 });
  await session.dispose();
  return session.outputs;
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
