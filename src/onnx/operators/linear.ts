import { type Attributes, axisOf, type Shape, showShape } from "../graph.js";
import {
  broadcast,
  type Call,
  intAttribute,
  intsAttribute,
  type Operator,
  reject,
  required,
  sameType,
  unsupported,
} from "./operator.js";

/** Geometry of a convolution or pooling window, all of it explicit. */
export interface WindowAttributes {
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Rows above, columns left, rows below, columns right. */
  readonly pads: readonly [number, number, number, number];
  readonly group: number;
}

/** The geometry of a node with ONNX's defaults filled in. */
export function windowOf(attributes: Attributes): WindowAttributes {
  return {
    strides: (attributes.strides ?? [1, 1]) as WindowAttributes["strides"],
    dilations: (attributes.dilations ?? [1, 1]) as WindowAttributes["dilations"],
    pads: (attributes.pads ?? [0, 0, 0, 0]) as WindowAttributes["pads"],
    group: (attributes.group ?? 1) as number,
  };
}

/** How many windows fit along a spatial axis: floor((length + pads - reach) / stride) + 1. */
function windows(call: Call, length: number, kernel: number, axis: 0 | 1): number {
  const { strides, dilations, pads } = windowOf(call.attributes);
  const reach = (kernel - 1) * dilations[axis] + 1;
  const room = length + pads[axis] + pads[axis + 2]! - reach;
  if (room < 0) {
    reject(
      call,
      `a window of ${reach} does not fit ${length} + ${pads[axis]} + ${pads[axis + 2]} along spatial axis ${axis}.`,
    );
  }
  if (intAttribute(call, "ceil_mode", 0) !== 1) return Math.floor(room / strides[axis]) + 1;
  const count = Math.ceil(room / strides[axis]) + 1;
  // A window that would begin beyond the last row, in the padding, is left out.
  return (count - 1) * strides[axis] >= length + pads[axis] ? count - 1 : count;
}

/** The shape of the pictures that a window moves over, once the window's attributes are known to be whole. */
function images(call: Call): Shape {
  const { shape } = required(call, 0);
  if (shape.length !== 4)
    unsupported(call, `the input is ${showShape(shape)}; only [N, C, H, W], with two spatial axes, is supported.`);
  if (![undefined, "NOTSET"].includes(call.attributes.auto_pad as string | undefined)) {
    unsupported(call, `auto_pad "${call.attributes.auto_pad}" is not supported; write the pads out.`);
  }
  const { strides, dilations, pads } = windowOf(call.attributes);
  for (const [name, list, count] of [
    ["strides", strides, 2],
    ["dilations", dilations, 2],
    ["pads", pads, 4],
  ] as const) {
    if (list.length !== count || !list.every((n) => Number.isInteger(n) && (name === "pads" || n > 0)))
      reject(call, `${name} [${list.join(", ")}] must be ${count} ${name === "pads" ? "whole" : "positive"} numbers.`);
  }
  return shape;
}

/** Fails where the weight is of another type or kernel than the node says. */
function checkKernel(call: Call): void {
  const [x, weight] = [required(call, 0), required(call, 1)];
  sameType(call, x, weight);
  if (weight.shape.length !== 4) reject(call, "the weight must be [O, C/group, kH, kW].");
  const kernel = intsAttribute(call, "kernel_shape", weight.shape.slice(2));
  if (kernel.join() !== weight.shape.slice(2).join())
    reject(call, `kernel_shape [${kernel.join(", ")}] is not the weight's; leave it out.`);
}

/** Fails where an operand is not one value a channel. */
function checkVector(call: Call, i: number, channels: number): void {
  const operand = required(call, i).shape;
  if (operand.length !== 1 || operand[0] !== channels)
    reject(call, `input ${i} must be [${channels}], one value a channel.`);
}

const pooling = {
  kernel_shape: "ints",
  strides: "ints",
  pads: "ints",
  auto_pad: "string",
  ceil_mode: "int",
} as const;

const pool = (attributes: Operator["attributes"]): Operator => ({
  attributes,
  infer(call) {
    const [n, c, h, w] = images(call);
    const kernel = intsAttribute(call, "kernel_shape", []);
    if (kernel.length !== 2 || kernel.some((k) => k < 1))
      reject(call, `kernel_shape [${kernel.join(", ")}] must be 2 positive numbers.`);
    const [kh, kw] = kernel;
    return [{ type: required(call, 0).type, shape: [n!, c!, windows(call, h!, kh!, 0), windows(call, w!, kw!, 1)] }];
  },
});

const convolution = {
  kernel_shape: "ints",
  strides: "ints",
  pads: "ints",
  dilations: "ints",
  group: "int",
  auto_pad: "string",
} as const;

/** Operators that multiply and add: convolutions, matrix products, pooling, normalisation. */
export const LINEAR = {
  AveragePool: pool({ ...pooling, count_include_pad: "int" }),
  MaxPool: pool({ ...pooling, dilations: "ints", storage_order: "int" }),
  GlobalAveragePool: {
    attributes: {},
    infer(call) {
      const [n, c] = images(call);
      return [{ type: required(call, 0).type, shape: [n!, c!, 1, 1] }];
    },
  },
  Conv: {
    attributes: convolution,
    infer(call) {
      const [n, c, h, w] = images(call);
      checkKernel(call);
      const weight = required(call, 1).shape;
      const [out, perGroup, kh, kw] = weight;
      const group = intAttribute(call, "group", 1);
      if (c !== perGroup! * group) {
        reject(
          call,
          `input has ${c} channels, but weight ${showShape(weight)} with group ${group} takes ${perGroup! * group}. A depthwise weight is [C, 1, kH, kW] with group = C.`,
        );
      }
      if (out! % group !== 0) reject(call, `${out} output channels do not divide into ${group} groups.`);
      const bias = call.inputs[2];
      if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) reject(call, `the bias must be [${out}].`);
      return [
        { type: required(call, 0).type, shape: [n!, out!, windows(call, h!, kh!, 0), windows(call, w!, kw!, 1)] },
      ];
    },
  },
  ConvTranspose: {
    attributes: { ...convolution, output_padding: "ints", output_shape: "ints" },
    infer(call) {
      const [n, c, h, w] = images(call);
      checkKernel(call);
      if (call.attributes.output_shape !== undefined)
        unsupported(call, "output_shape is not supported; write pads and output_padding out.");
      const [channels, perGroup, kh, kw] = required(call, 1).shape;
      if (c !== channels) reject(call, `input has ${c} channels, but the weight takes ${channels}.`);
      const { strides, dilations, pads, group } = windowOf(call.attributes);
      const extra = intsAttribute(call, "output_padding", [0, 0]);
      const length = (outputs: number, kernel: number, i: 0 | 1): number =>
        (outputs - 1) * strides[i] + (kernel - 1) * dilations[i] + 1 - pads[i] - pads[i + 2]! + extra[i]!;
      return [{ type: required(call, 0).type, shape: [n!, perGroup! * group, length(h!, kh!, 0), length(w!, kw!, 1)] }];
    },
  },
  MatMul: {
    attributes: {},
    infer(call) {
      const [a, b] = [required(call, 0), required(call, 1)];
      sameType(call, a, b);
      if (a.shape.length < 2 || b.shape.length < 2)
        unsupported(
          call,
          `operands are ${showShape(a.shape)} and ${showShape(b.shape)}; only matrices and stacks of them are supported.`,
        );
      if (a.shape.at(-1) !== b.shape.at(-2))
        reject(call, `inner dimensions ${a.shape.at(-1)} and ${b.shape.at(-2)} differ.`);
      return [
        {
          type: a.type,
          shape: [...broadcast(call, a.shape.slice(0, -2), b.shape.slice(0, -2), 2), a.shape.at(-2)!, b.shape.at(-1)!],
        },
      ];
    },
  },
  Gemm: {
    attributes: { alpha: "float", beta: "float", transA: "int", transB: "int" },
    infer(call) {
      const [a, b] = [required(call, 0), required(call, 1)];
      sameType(call, a, b);
      if (a.shape.length !== 2 || b.shape.length !== 2) reject(call, "operands must be matrices.");
      const [m, k] = intAttribute(call, "transA", 0) === 1 ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
      const [k2, n] = intAttribute(call, "transB", 0) === 1 ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
      if (k !== k2) reject(call, `inner dimensions ${k} and ${k2} differ.`);
      const c = call.inputs[2];
      if (c && broadcast(call, c.shape, [m, n]).join() !== [m, n].join())
        reject(call, `the addend does not broadcast to [${m}, ${n}].`);
      return [{ type: a.type, shape: [m, n] }];
    },
  },
  BatchNormalization: {
    attributes: { epsilon: "float", momentum: "float", training_mode: "int" },
    infer(call) {
      const { type, shape } = required(call, 0);
      const channels = shape[1];
      if (shape.length < 2) reject(call, "the input must be [N, C, ...].");
      for (let i = 1; i < 5; i++) checkVector(call, i, channels!);
      const statistics = { type, shape: [channels!] };
      return intAttribute(call, "training_mode", 0) === 1
        ? [{ type, shape }, statistics, statistics]
        : [{ type, shape }];
    },
  },
  InstanceNormalization: {
    attributes: { epsilon: "float" },
    infer(call) {
      const { type, shape } = required(call, 0);
      if (shape.length < 3) reject(call, "the input must be [N, C, ...].");
      for (const i of [1, 2]) checkVector(call, i, shape[1]!);
      return [{ type, shape }];
    },
  },
  LayerNormalization: {
    attributes: { axis: "int", epsilon: "float", stash_type: "int" },
    infer(call) {
      const { type, shape } = required(call, 0);
      const axis = axisOf(intAttribute(call, "axis", -1), shape.length, `LayerNormalization "${call.name}"`);
      const normalized = shape.slice(axis);
      for (const i of [1, 2]) {
        const operand = i === 1 ? required(call, i) : call.inputs[i];
        if (operand && broadcast(call, operand.shape, normalized).join() !== normalized.join())
          reject(call, `input ${i} does not broadcast to ${showShape(normalized)}.`);
      }
      return [{ type, shape }];
    },
  },
} as const satisfies Record<string, Operator>;
