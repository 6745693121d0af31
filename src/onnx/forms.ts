/*
 * How other opsets, and exporters, write what graphs here have: attributes that became operands, operators that are others put
 * together, sizes that are computed from shapes. Each form is written anew in opset 18 while a model is read.
 */
import { DataError, ShapeError, UnsupportedOperatorError } from "../errors.js";
import { attributesOf, constantOf } from "./attributes.js";
import type { GraphBuilder } from "./builder.js";
import { changed } from "./changed.js";
import { axisOf, constantData, elements, showShape, type Value } from "./graph.js";
import { OPERATORS } from "./operators/index.js";
import type { AttributeProto, NodeProto } from "./proto/onnx_pb.js";
import { shapeOf, storedTensor } from "./tensors.js";

/** A node of a model that is being read. */
export interface Use {
  readonly b: GraphBuilder;
  readonly node: NodeProto;
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly (Value | null)[];
  /** Whether anything in it depends on the model's inputs. */
  readonly fed: boolean;
}

/** The values that a node gives in opset 18, or null where it is written so already. */
type Form = (use: Use) => readonly Value[] | null;

const attribute = ({ node }: Use, name: string): AttributeProto | undefined =>
  node.attribute.find((given) => given.name === name);

const ints = (use: Use, name: string): number[] | undefined => attribute(use, name)?.ints.map(Number);

const int = (use: Use, name: string, fallback: number): number => Number(attribute(use, name)?.i ?? fallback);

function operand(use: Use, i: number): Value {
  const value = use.inputs[i];
  if (value) return value;
  throw new DataError(`${use.node.opType} "${use.name}": input ${i} is missing.`);
}

/** The same operator with some attributes taken away and further operands. */
function withOperands(use: Use, gone: readonly string[], inputs: readonly (Value | null)[]): readonly Value[] {
  const { b, node, name } = use;
  const rest = changed(node, { attribute: node.attribute.filter((given) => !gone.includes(given.name)) });
  return b.op(node.opType, inputs, attributesOf(rest, name), name);
}

/** Until some opset, the axes were an attribute. */
const axesAsOperand: Form = (use) => {
  const axes = ints(use, "axes");
  return axes === undefined ? null : withOperands(use, ["axes"], [operand(use, 0), use.b.ints(axes)]);
};

const identity: Form = (use) => [operand(use, 0)];

/** Rows or columns on both sides for TensorFlow's SAME: as many windows as strides fit, the odd one behind (or before). */
function samePads(use: Use, kernel: readonly number[], before: boolean): number[] {
  const { shape } = operand(use, 0);
  const [strides, dilations] = [ints(use, "strides") ?? [1, 1], ints(use, "dilations") ?? [1, 1]];
  const sides = [0, 1].map((i) => {
    const [length, stride] = [shape[i + 2]!, strides[i]!];
    const reach = (kernel[i]! - 1) * dilations[i]! + 1;
    const total = Math.max((Math.ceil(length / stride) - 1) * stride + reach - length, 0);
    return before ? [Math.ceil(total / 2), Math.floor(total / 2)] : [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  return [sides[0]![0]!, sides[1]![0]!, sides[0]![1]!, sides[1]![1]!];
}

/** Windows whose padding follows from the size of their input. */
const explicitPads: Form = (use) => {
  const { b, node, name, inputs } = use;
  const given = attribute(use, "auto_pad");
  const mode = given === undefined ? "NOTSET" : new TextDecoder().decode(given.s);
  if (mode === "NOTSET" || operand(use, 0).shape.length !== 4) return null;
  const kernel = ints(use, "kernel_shape") ?? inputs[1]?.shape.slice(2) ?? [];
  if (kernel.length !== 2) return null;
  const rest = changed(node, { attribute: node.attribute.filter((a) => !["auto_pad", "pads"].includes(a.name)) });
  const pads = mode === "VALID" ? [0, 0, 0, 0] : samePads(use, kernel, mode === "SAME_LOWER");
  if (!["VALID", "SAME_UPPER", "SAME_LOWER"].includes(mode)) return null;
  return b.op(node.opType, inputs, { ...attributesOf(rest, name), pads }, name);
};

/** Until opset 12 everything from the axis on was one vector. */
const softmax: Form = (use) => {
  if (use.opset >= 13) return null;
  const x = operand(use, 0);
  const axis = axisOf(int(use, "axis", 1), x.shape.length, `${use.node.opType} "${use.name}"`);
  const { b, node, name } = use;
  const matrix = b.reshape(x, [elements(x.shape.slice(0, axis)), elements(x.shape.slice(axis))]);
  return [b.reshape(b.op(node.opType, [matrix], { axis: 1 }, name)[0]!, x.shape)];
};

const batchNormalization: Form = (use) => {
  const { node, name, b, inputs, opset, fed } = use;
  // Until opset 13 the mode showed in the number of outputs.
  const byBatch =
    opset < 14 ? node.output.slice(1, 3).some((output) => output !== "") : int(use, "training_mode", 0) === 1;
  // Ours have momentum 0, and weights are standardised by one too; anything else is a network that was exported while it trained.
  if (byBatch && fed && attribute(use, "momentum")?.f !== 0) {
    throw new UnsupportedOperatorError(
      `BatchNormalization "${name}" is in training mode; export the model in evaluation mode (model.eval()).`,
    );
  }
  if (opset >= 14) return null;
  const rest = changed(node, {
    attribute: node.attribute.filter((given) => ["epsilon", "momentum"].includes(given.name)),
  });
  return b.op(
    "BatchNormalization",
    inputs,
    { ...attributesOf(rest, name), ...(byBatch ? { training_mode: 1 } : {}) },
    name,
  );
};

/** Parts of an axis: equal ones, or of the given lengths. */
const split: Form = (use) => {
  const { b, node, inputs, name } = use;
  const x = operand(use, 0);
  const axis = axisOf(int(use, "axis", 0), x.shape.length, `Split "${name}"`);
  const listed = inputs[1] ? constantData(inputs[1]) : null;
  const count = node.output.length;
  const even = Math.ceil(x.shape[axis]! / count);
  const lengths =
    ints(use, "split") ?? (listed ? Array.from(listed as ArrayLike<number | bigint>, Number) : Array(count).fill(even));
  if (lengths.length !== count)
    throw new ShapeError(`Split "${name}" has ${lengths.length} lengths for ${count} parts.`);
  let start = 0;
  return lengths.map((length: number) => {
    const part = b.slice(x, { axes: [axis], starts: [start], ends: [start + length] });
    start += length;
    return part;
  });
};

/** x Φ(x), or its approximation by tanh (arXiv 1606.08415). */
const gelu: Form = (use) => {
  const { b } = use;
  const x = operand(use, 0);
  const approximate = attribute(use, "approximate");
  const cubic = approximate !== undefined && new TextDecoder().decode(approximate.s) === "tanh";
  const inner = cubic
    ? b.op("Tanh", [
        b.mul(b.add(x, b.mul(b.op("Pow", [x, b.scalar(3)])[0]!, b.scalar(0.044715))), b.scalar(Math.sqrt(2 / Math.PI))),
      ])[0]!
    : b.op("Erf", [b.div(x, b.scalar(Math.SQRT2))])[0]!;
  return [b.mul(b.mul(x, b.add(inner, b.scalar(1))), b.scalar(0.5))];
};

/** As InstanceNormalization over the channels of each group together. */
const groupNormalization: Form = (use) => {
  const { b, opset } = use;
  const [x, scale, bias] = [operand(use, 0), operand(use, 1), operand(use, 2)];
  const groups = int(use, "num_groups", 1);
  const [pictures = 0, channels = 0] = x.shape;
  if (x.shape.length < 3 || groups < 1 || channels < 1 || channels % groups !== 0 || pictures < 1 || groups > 2 ** 16) {
    throw new ShapeError(
      `GroupNormalization "${use.name}" of ${showShape(x.shape)}: its channels do not divide into ${groups} groups.`,
    );
  }
  const ones = b.constant(new Float32Array(groups).fill(1), "float32", [groups]);
  const zeros = b.constant(new Float32Array(groups), "float32", [groups]);
  const flat = b.reshape(x, [pictures, groups, elements(x.shape) / (pictures * groups)]);
  const epsilon = attribute(use, "epsilon")?.f ?? 1e-5;
  const [normal] = b.op("InstanceNormalization", [flat, ones, zeros], { epsilon });
  // One value a channel since opset 21, one a group before.
  const perChannel = (v: Value): Value => {
    const all = opset >= 21 ? v : b.expand(b.reshape(v, [groups, 1]), [groups, channels / groups]);
    return b.reshape(
      all,
      x.shape.map((_, axis) => (axis === 1 ? channels : 1)),
    );
  };
  return [b.add(b.mul(b.reshape(normal!, x.shape), perChannel(scale)), perChannel(bias))];
};

const shape: Form = (use) => {
  const { shape: sizes } = operand(use, 0);
  const end = attribute(use, "end");
  return [use.b.ints(sizes.slice(int(use, "start", 0), end === undefined ? undefined : Number(end.i)))];
};

const constantOfShape: Form = (use) => {
  const { b, name } = use;
  const listed = constantData(operand(use, 0));
  if (listed === null) throw new UnsupportedOperatorError(`ConstantOfShape "${name}" of a shape that is computed.`);
  const sizes = shapeOf(Array.from(listed as ArrayLike<number | bigint>), `ConstantOfShape "${name}"`);
  const tensor = attribute(use, "value")?.t;
  const { type, binding } = tensor
    ? storedTensor(tensor, `constant "${name}"`)
    : { type: "float32" as const, binding: { kind: "data" as const, data: Float32Array.of(0) } };
  if (binding.kind !== "data" || binding.data.length !== 1 || elements(sizes) > 2 ** 16)
    throw new UnsupportedOperatorError(`ConstantOfShape "${name}" [${sizes.join(", ")}] is not supported.`);
  const { data } = binding;
  const filled = new (data.constructor as Float32ArrayConstructor)(elements(sizes)).fill(data[0] as number);
  return [b.constant(filled, type, sizes, name)];
};

/** Inputs of a Sum, each of which becomes an Add. */
const MOST_ADDENDS = 1024;

/** Forms by ONNX's name of the operator; those that `OPERATORS` lacks are always written in others. */
export const FORMS: Readonly<Record<string, Form>> = {
  AveragePool: explicitPads,
  BatchNormalization: batchNormalization,
  Clip: (use) => {
    const [low, high] = [attribute(use, "min"), attribute(use, "max")];
    if (low === undefined && high === undefined) return null;
    const bound = (given: AttributeProto | undefined): Value | null => (given ? use.b.scalar(given.f) : null);
    return withOperands(use, ["min", "max"], [operand(use, 0), bound(low), bound(high)]);
  },
  Constant: ({ b, node, name }) => {
    const { data, type, shape: sizes } = constantOf(node, name);
    return [b.constant(data, type, sizes, name)];
  },
  ConstantOfShape: constantOfShape,
  Conv: explicitPads,
  Dropout: identity,
  Gelu: gelu,
  GlobalMaxPool: (use) => [use.b.op("ReduceMax", [operand(use, 0), use.b.ints([2, 3])], { keepdims: 1 }, use.name)[0]!],
  GroupNormalization: groupNormalization,
  Identity: identity,
  LogSoftmax: softmax,
  MaxPool: explicitPads,
  Mish: (use) => {
    const x = operand(use, 0);
    return [use.b.mul(x, use.b.op("Tanh", use.b.op("Softplus", [x]))[0]!)];
  },
  Pad: (use) => {
    const pads = ints(use, "pads");
    if (pads === undefined) return null;
    const value = use.b.scalar(attribute(use, "value")?.f ?? 0);
    return withOperands(use, ["pads", "value"], [operand(use, 0), use.b.ints(pads), value]);
  },
  ReduceL1: axesAsOperand,
  ReduceL2: axesAsOperand,
  ReduceMax: axesAsOperand,
  ReduceMean: axesAsOperand,
  ReduceMin: axesAsOperand,
  ReduceProd: axesAsOperand,
  ReduceSum: axesAsOperand,
  Shape: shape,
  Slice: (use) => {
    const [starts, ends] = [ints(use, "starts"), ints(use, "ends")];
    if (starts === undefined || ends === undefined) return null;
    const axes = ints(use, "axes") ?? [...starts.keys()];
    return withOperands(
      use,
      ["starts", "ends", "axes"],
      [operand(use, 0), ...[starts, ends, axes].map((list) => use.b.ints(list))],
    );
  },
  Softmax: softmax,
  Split: split,
  Squeeze: axesAsOperand,
  Sum: (use) => {
    if (use.inputs.length > MOST_ADDENDS)
      throw new UnsupportedOperatorError(
        `Sum "${use.name}" has ${use.inputs.length} inputs; ${MOST_ADDENDS} are supported.`,
      );
    const [first, ...others] = use.inputs.map((_, i) => operand(use, i));
    return [others.reduce((sum, x) => use.b.add(sum, x), first ?? operand(use, 0))];
  },
  Unsqueeze: axesAsOperand,
};

/** True for an operator that can be read. */
export const isReadable = (op: string): boolean => Object.hasOwn(OPERATORS, op) || Object.hasOwn(FORMS, op);
