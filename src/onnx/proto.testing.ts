import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { openSession } from "../runtime/index.js";
import { type Graph, type Shape, serialize } from "./index.js";
import { type ModelProto, ModelProtoSchema } from "./proto/onnx_pb.js";

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
