import { axisOf, type DataType, elements, type Shape } from "../graph.js";
import {
  broadcast,
  type Call,
  constantInts,
  intAttribute,
  intsAttribute,
  type Operator,
  reject,
  required,
  unsupported,
} from "./operator.js";

/** ONNX's numbers for element types (TensorProto.DataType). */
export const TYPE_CODES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
} as const satisfies Record<DataType, number>;

const where = (call: Call): string => `${call.op} "${call.name}"`;

/** The axes that input `i` names, from the front, each once. */
function namedAxes(call: Call, i: number, rank: number): number[] {
  const axes = constantInts(call, i).map((axis) => axisOf(axis, rank, where(call)));
  if (new Set(axes).size !== axes.length) reject(call, `the axes ${axes.join(", ")} name one twice.`);
  return axes;
}

/** The shape that Reshape gives: 0 copies a dimension, one -1 takes what is left. */
function reshaped(call: Call, from: Shape, wanted: readonly number[]): number[] {
  const shape = wanted.map((n, i) => (n === 0 ? (from[i] ?? reject(call, `0 at axis ${i} has nothing to copy.`)) : n));
  const free = shape.indexOf(-1);
  if (free >= 0) shape[free] = elements(from) / -elements(shape);
  if (elements(shape) !== elements(from) || shape.some((n) => !Number.isInteger(n) || n < 0)) {
    reject(call, `${elements(from)} elements do not fill [${wanted.join(", ")}].`);
  }
  return shape;
}

/** Length of what Slice takes of an axis, with Python's rules for negative and overlong bounds. */
function sliced(length: number, start: number, end: number, step: number): number {
  const clamp = (i: number, low: number, high: number): number => Math.min(Math.max(i < 0 ? i + length : i, low), high);
  const [from, to] =
    step > 0
      ? [clamp(start, 0, length), clamp(end, 0, length)]
      : [clamp(start, 0, length - 1), clamp(end, -1, length - 1)];
  return Math.max(0, Math.ceil((to - from) / step));
}

/** Operators that move, copy, cut or join elements. */
export const LAYOUT = {
  Cast: {
    attributes: { to: "int" },
    infer(call) {
      const to = (Object.keys(TYPE_CODES) as DataType[]).find((type) => TYPE_CODES[type] === call.attributes.to);
      return [
        {
          type: to ?? unsupported(call, `ONNX's element type ${call.attributes.to} is not supported.`),
          shape: required(call, 0).shape,
        },
      ];
    },
  },
  Concat: {
    attributes: { axis: "int" },
    infer(call) {
      const first = required(call, 0);
      const axis = axisOf(intAttribute(call, "axis", 0), first.shape.length, where(call));
      let length = 0;
      for (const i of call.inputs.keys()) {
        const { type, shape } = required(call, i);
        if (type !== first.type) reject(call, `input ${i} is ${type}, not ${first.type}; cast it.`);
        if (shape.length !== first.shape.length || shape.some((n, d) => d !== axis && n !== first.shape[d])) {
          reject(call, `input ${i} differs outside axis ${axis}.`);
        }
        length += shape[axis]!;
      }
      return [{ type: first.type, shape: first.shape.map((n, d) => (d === axis ? length : n)) }];
    },
  },
  DepthToSpace: {
    attributes: { blocksize: "int", mode: "string" },
    infer(call) {
      const { type, shape } = required(call, 0);
      const block = intAttribute(call, "blocksize", 0);
      const [n, c, h, w] = shape;
      if (block < 1) reject(call, `blocksize is ${block}; give 1 or more.`);
      if (shape.length !== 4) reject(call, "the input must be [N, C, H, W].");
      if (c! % (block * block) !== 0) reject(call, `the channels must be a multiple of ${block}².`);
      return [{ type, shape: [n!, c! / (block * block), h! * block, w! * block] }];
    },
  },
  Expand: {
    attributes: {},
    infer(call) {
      const { type, shape } = required(call, 0);
      return [{ type, shape: broadcast(call, shape, constantInts(call, 1)) }];
    },
  },
  Flatten: {
    attributes: { axis: "int" },
    infer(call) {
      const { type, shape } = required(call, 0);
      const axis = intAttribute(call, "axis", 1);
      const cut = axis < 0 ? axis + shape.length : axis;
      if (cut < 0 || cut > shape.length)
        reject(call, `axis ${axis} is no place to cut; give -${shape.length}..${shape.length}.`);
      return [{ type, shape: [elements(shape.slice(0, cut)), elements(shape.slice(cut))] }];
    },
  },
  Gather: {
    attributes: { axis: "int" },
    infer(call) {
      const [data, indices] = [required(call, 0), required(call, 1)];
      const axis = axisOf(intAttribute(call, "axis", 0), data.shape.length, where(call));
      if (indices.type !== "int32" && indices.type !== "int64")
        reject(call, `the indices are ${indices.type}; cast them to int64.`);
      return [
        { type: data.type, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] },
      ];
    },
  },
  Pad: {
    attributes: { mode: "string" },
    infer(call) {
      const { type, shape } = required(call, 0);
      const pads = constantInts(call, 1);
      const axes = call.inputs[3] ? namedAxes(call, 3, shape.length) : [...shape.keys()];
      if (pads.length !== 2 * axes.length)
        reject(call, `${pads.length} pads do not fit ${axes.length} axes; give begins, then ends.`);
      const padded = [...shape];
      axes.forEach((axis, i) => {
        padded[axis]! += pads[i]! + pads[i + axes.length]!;
        if (padded[axis]! < 0) reject(call, `${pads[i]} and ${pads[i + axes.length]} cut more than axis ${axis} has.`);
      });
      return [{ type, shape: padded }];
    },
  },
  Reshape: {
    attributes: { allowzero: "int" },
    infer(call) {
      const { type, shape } = required(call, 0);
      const wanted = constantInts(call, 1);
      if (intAttribute(call, "allowzero", 0) === 1 && wanted.includes(0))
        unsupported(call, "a 0 in the shape with allowzero asks for an empty tensor, which is not supported.");
      return [{ type, shape: reshaped(call, shape, wanted) }];
    },
  },
  Resize: {
    attributes: {
      antialias: "int",
      axes: "ints",
      coordinate_transformation_mode: "string",
      cubic_coeff_a: "float",
      exclude_outside: "int",
      extrapolation_value: "float",
      keep_aspect_ratio_policy: "string",
      mode: "string",
      nearest_mode: "string",
    },
    infer(call) {
      const { type, shape } = required(call, 0);
      if (call.attributes.axes !== undefined) unsupported(call, "axes are not supported; give the sizes of all.");
      const [scales, sizes] = [call.inputs[2], call.inputs[3]];
      const wanted = sizes
        ? constantInts(call, 3)
        : constantInts(call, scales ? 2 : 3).map((scale, axis) => Math.floor(scale * (shape[axis] ?? 0)));
      if (wanted.length !== shape.length) reject(call, `${wanted.length} sizes do not fit its axes.`);
      return [{ type, shape: wanted }];
    },
  },
  Slice: {
    attributes: {},
    infer(call) {
      const { type, shape } = required(call, 0);
      const [starts, ends] = [constantInts(call, 1), constantInts(call, 2)];
      const axes = call.inputs[3] ? namedAxes(call, 3, shape.length) : [...starts.keys()];
      const steps = call.inputs[4] ? constantInts(call, 4) : starts.map(() => 1);
      if ([starts, ends, steps].some(({ length }) => length !== axes.length) || axes.length > shape.length) {
        reject(
          call,
          `${starts.length} starts, ${ends.length} ends, ${axes.length} axes and ${steps.length} steps do not go together.`,
        );
      }
      if (steps.includes(0)) reject(call, "a step is 0; give 1 or more, or -1 or less to run backwards.");
      const cut = [...shape];
      axes.forEach((axis, i) => {
        cut[axis] = sliced(shape[axis]!, starts[i]!, ends[i]!, steps[i]!);
      });
      return [{ type, shape: cut }];
    },
  },
  Squeeze: {
    attributes: {},
    infer(call) {
      const { type, shape } = required(call, 0);
      const axes = call.inputs[1] ? namedAxes(call, 1, shape.length) : [...shape.keys()].filter((i) => shape[i] === 1);
      for (const axis of axes) if (shape[axis] !== 1) reject(call, `axis ${axis} has ${shape[axis]} elements, not 1.`);
      return [{ type, shape: shape.filter((_, i) => !axes.includes(i)) }];
    },
  },
  Tile: {
    attributes: {},
    infer(call) {
      const { type, shape } = required(call, 0);
      const repeats = constantInts(call, 1);
      if (repeats.length !== shape.length) reject(call, `${repeats.length} repeats do not fit its axes.`);
      return [{ type, shape: shape.map((n, i) => n * repeats[i]!) }];
    },
  },
  Transpose: {
    attributes: { perm: "ints" },
    infer(call) {
      const { type, shape } = required(call, 0);
      const perm = intsAttribute(call, "perm", [...shape.keys()].reverse());
      if ([...perm].sort((a, b) => a - b).join() !== [...shape.keys()].join())
        reject(call, `perm [${perm.join(", ")}] is no permutation of its axes.`);
      return [{ type, shape: perm.map((axis) => shape[axis]!) }];
    },
  },
  Unsqueeze: {
    attributes: {},
    infer(call) {
      const { type, shape } = required(call, 0);
      const rank = shape.length + elements(required(call, 1).shape);
      const added = new Set(namedAxes(call, 1, rank));
      const rest = [...shape];
      return [{ type, shape: Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : rest.shift()!)) }];
    },
  },
} as const satisfies Record<string, Operator>;
