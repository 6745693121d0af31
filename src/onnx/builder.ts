import { ShapeError, UnsupportedOperatorError } from "../errors.js";
import {
  ARRAYS,
  type Attribute,
  type Attributes,
  type DataType,
  elements,
  type Node,
  type Shape,
  sameShape,
  showShape,
  type TypedArray,
  type Value,
} from "./graph.js";
import { OPERATORS, type OperatorName, operatorNamed } from "./operators/index.js";
import { TYPE_CODES } from "./operators/layout.js";
import type { WindowAttributes } from "./operators/linear.js";

/** Axes and whether they stay as ones. */
interface Reduction {
  readonly axes: readonly number[];
  readonly keepdims?: boolean;
}

/** What Slice takes of each named axis; `steps` are 1 unless given. */
interface SliceBounds {
  readonly axes: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps?: readonly number[];
}

/**
 * Writes graphs: each method adds one ONNX operator, infers what it gives, and returns that value. The same operator on
 * the same operands gives the same value, so that nothing is computed twice whoever asks for it.
 *
 * Names are unique within a builder; `scope` puts a prefix before them, which viewers show as a hierarchy.
 *
 * @example
 * const b = new GraphBuilder();
 * const x = b.input("x", "float32", [1, 3, 8, 8]);
 * const y = b.relu(b.conv(x, b.parameter("w", [4, 3, 3, 3]), null, { pads: [1, 1, 1, 1] }));
 */
export class GraphBuilder {
  private readonly names = new Map<string, number>();
  private readonly known = new Map<string, readonly Value[]>();
  private readonly ids = new Map<Value, number>();
  private prefix = "";

  /**
   * @param taken - names that stand for something else already, in a graph that is written on
   * @param block - channels that the engine's CPU keeps together in its own layout, where the graph is for that alone (`blocks.ts`);
   * unless given the graph is for any engine
   */
  constructor(
    taken: Iterable<string> = [],
    readonly block: number | null = null,
  ) {
    for (const name of taken) this.unique(name);
  }

  /** Runs `body` with `name/` before the names of all that it adds. */
  scope<T>(name: string, body: () => T): T {
    const outer = this.prefix;
    this.prefix = `${outer}${name}/`;
    try {
      return body();
    } finally {
      this.prefix = outer;
    }
  }

  /** A tensor that is fed at each run. */
  input(name: string, type: DataType, shape: Shape): Value {
    return { name: this.unique(name), type, shape, source: { kind: "input" } };
  }

  /** A float32 tensor of the network's weights, named as in its state_dict and bound when the graph is emitted. */
  parameter(name: string, shape: Shape): Value {
    return { name: this.unique(name), type: "float32", shape, source: { kind: "parameter" } };
  }

  /** A tensor known now. @throws {ShapeError} where the number of elements does not fit the shape */
  constant(data: TypedArray, type: DataType, shape: Shape, name = "constant"): Value {
    if (data.length !== elements(shape)) {
      throw new ShapeError(`constant "${name}": ${data.length} elements do not fill ${showShape(shape)}.`);
    }
    const make = (): Value => ({
      name: this.unique(this.prefix + name),
      type,
      shape,
      source: { kind: "constant", data },
    });
    // Small constants (scalars, axes, shapes) recur hundreds of times in a training graph.
    if (data.length > 16) return make();
    return this.remember(`constant ${type} [${shape.join()}] ${Array.from(data, literal).join()}`, () => [make()])[0]!;
  }

  /** A float32 scalar, or a scalar of another type. */
  scalar(value: number, type: DataType = "float32"): Value {
    // JavaScript has no float16 of its own; the engine rounds once, when it opens the graph.
    if (type === "float16") return this.cast(this.scalar(value), type);
    const Data = ARRAYS[type];
    const data = type === "int64" ? BigInt64Array.of(BigInt(value)) : (Data as Float32ArrayConstructor).of(value);
    return this.constant(data, type, [], "scalar");
  }

  /** A vector of int64, as ONNX takes shapes and axes. */
  ints(values: readonly number[]): Value {
    if (!values.every(Number.isInteger))
      throw new ShapeError(`[${values.join(", ")}] are no shape, axes, bounds or pads; whole numbers are needed.`);
    return this.constant(BigInt64Array.from(values, int64), "int64", [values.length], "ints");
  }

  /**
   * Adds any supported operator by its ONNX name and gives all its outputs.
   * @throws {UnsupportedOperatorError} for an operator or attribute that is not known here
   * @throws {ShapeError} for operands that do not go together
   */
  op(op: string, inputs: readonly (Value | null)[], attributes: Attributes = {}, name = op): readonly Value[] {
    const operator = operatorNamed(op);
    if (operator === null) {
      throw new UnsupportedOperatorError(
        `operator "${op}" of node "${name}" is not supported. Supported: ${Object.keys(OPERATORS).join(", ")}.`,
      );
    }
    for (const attribute of Object.keys(attributes)) {
      if (!Object.hasOwn(operator.attributes, attribute)) {
        throw new UnsupportedOperatorError(
          `${op} "${name}": attribute "${attribute}" is not supported. Supported: ${Object.keys(operator.attributes).join(", ") || "none"}.`,
        );
      }
    }
    const key = `${op}(${inputs.map((input) => (input === null ? "" : this.id(input))).join()}) ${JSON.stringify(attributes)}`;
    return this.remember(key, () => {
      const path = this.prefix + name;
      const types = operator.infer({ op, name: path, inputs, attributes });
      const outputs: Value[] = [];
      const node: Node = { op, name: this.unique(path), inputs, attributes, outputs };
      types.forEach((type, index) => {
        if (!type.shape.every((n) => Number.isSafeInteger(n) && n >= 0))
          throw new ShapeError(`${op} "${path}": its result ${index} would be ${showShape(type.shape)}.`);
        outputs.push({
          ...type,
          name: index === 0 ? node.name : `${node.name}:${index}`,
          source: { kind: "node", node, index },
        });
      });
      return outputs;
    });
  }

  neg = (x: Value): Value => this.one("Neg", [x]);
  sqrt = (x: Value): Value => this.one("Sqrt", [x]);
  exp = (x: Value): Value => this.one("Exp", [x]);
  reciprocal = (x: Value): Value => this.one("Reciprocal", [x]);
  sigmoid = (x: Value): Value => this.one("Sigmoid", [x]);
  relu = (x: Value): Value => this.one("Relu", [x]);
  softmax = (x: Value, axis = -1): Value => this.one("Softmax", [x], { axis });
  logSoftmax = (x: Value, axis = -1): Value => this.one("LogSoftmax", [x], { axis });
  add = (x: Value, y: Value): Value => this.one("Add", [x, y]);
  sub = (x: Value, y: Value): Value => this.one("Sub", [x, y]);
  mul = (x: Value, y: Value): Value => this.one("Mul", [x, y]);
  div = (x: Value, y: Value): Value => this.one("Div", [x, y]);
  equal = (x: Value, y: Value): Value => this.one("Equal", [x, y]);
  greater = (x: Value, y: Value): Value => this.one("Greater", [x, y]);
  where = (condition: Value, x: Value, y: Value): Value => this.one("Where", [condition, x, y]);
  matmul = (x: Value, y: Value): Value => this.one("MatMul", [x, y]);
  globalAveragePool = (x: Value): Value => this.one("GlobalAveragePool", [x]);

  /** Multiplies by a number. */
  scale(x: Value, factor: number): Value {
    if (factor === 1) return x;
    // As a vector where the last axis is 1: there ONNX Runtime's broadcasting is 25 times slower.
    const by = this.scalar(factor, x.type);
    if (x.shape.at(-1) !== 1) return this.mul(x, by);
    return this.reshape(this.mul(this.reshape(x, [elements(x.shape)]), by), x.shape);
  }

  cast(x: Value, type: DataType): Value {
    return x.type === type ? x : this.one("Cast", [x], { to: TYPE_CODES[type] });
  }

  reshape(x: Value, shape: Shape): Value {
    return sameShape(x.shape, shape) ? x : this.one("Reshape", [x, this.ints(shape)]);
  }

  expand(x: Value, shape: Shape): Value {
    return sameShape(x.shape, shape) ? x : this.one("Expand", [x, this.ints(shape)]);
  }

  /** Moves axes: axis i of the result is axis perm[i] of x. */
  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((axis, i) => axis === i) ? x : this.one("Transpose", [x], { perm });
  }

  concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 ? values[0]! : this.one("Concat", values, { axis });
  }

  /** Takes part of some axes; negative steps run backwards, as in numpy. Taking all of an axis adds nothing. */
  slice(x: Value, { axes, starts, ends, steps = axes.map(() => 1) }: SliceBounds): Value {
    if (axes.every((axis, i) => starts[i] === 0 && ends[i]! >= x.shape[axis]! && steps[i] === 1)) return x;
    return this.one("Slice", [x, this.ints(starts), this.ints(ends), this.ints(axes), this.ints(steps)]);
  }

  /** Surrounds with zeros; `pads` holds the begins of all axes, then the ends. */
  pad(x: Value, pads: readonly number[]): Value {
    return pads.every((n) => n === 0) ? x : this.one("Pad", [x, this.ints(pads), this.scalar(0, x.type)]);
  }

  reduceSum(x: Value, { axes, keepdims = false }: Reduction): Value {
    if (axes.length === 0) return x;
    return this.inFloat32(x, (v) => this.one("ReduceSum", [v, this.ints(axes)], { keepdims: Number(keepdims) }));
  }

  reduceMean(x: Value, { axes, keepdims = false }: Reduction): Value {
    if (axes.length === 0) return x;
    return this.inFloat32(x, (v) => this.one("ReduceMean", [v, this.ints(axes)], { keepdims: Number(keepdims) }));
  }

  /** y = alpha A' B' + beta C, where ' transposes if asked. */
  gemm(
    a: Value,
    b: Value,
    c: Value | null,
    options: { transA?: boolean; transB?: boolean; alpha?: number } = {},
  ): Value {
    const { transA = false, transB = false, alpha = 1 } = options;
    return this.one("Gemm", c === null ? [a, b] : [a, b, c], { transA: Number(transA), transB: Number(transB), alpha });
  }

  /** Convolution of [N, C, H, W] with [O, C/group, kH, kW]; pads are rows above, columns left, below, right. */
  conv(x: Value, w: Value, bias: Value | null, options: Partial<WindowAttributes> = {}): Value {
    return this.one("Conv", bias === null ? [x, w] : [x, w, bias], {
      kernel_shape: w.shape.slice(2),
      ...spelledOut(options),
    });
  }

  /** The adjoint of `conv` in its input: [N, O, H', W'] with [O, C/group, kH, kW] to [N, C, H, W]. */
  convTranspose(
    x: Value,
    w: Value,
    options: Partial<WindowAttributes> & { output_padding?: readonly number[] } = {},
  ): Value {
    const { output_padding = [0, 0], ...window } = options;
    return this.one("ConvTranspose", [x, w], { kernel_shape: w.shape.slice(2), ...spelledOut(window), output_padding });
  }

  /** y = (x - mean) / sqrt(variance + epsilon) * scale + shift, a value of each a channel. */
  batchNormalization(x: Value, scale: Value, shift: Value, mean: Value, variance: Value, epsilon: number): Value {
    return this.one("BatchNormalization", [x, scale, shift, mean, variance], { epsilon });
  }

  /**
   * The same with the batch's own statistics, which are the second and third results (the variance is the biased one).
   * ONNX's momentum weighs the old statistic; 0 leaves exactly the batch's. ONNX Runtime's CPU kernel writes the batch's
   * statistics over the old ones, even where those are inputs of the graph; the operator gets copies, which it may spoil.
   */
  batchNormalizationTraining(
    x: Value,
    scale: Value,
    shift: Value,
    mean: Value,
    variance: Value,
    epsilon: number,
  ): { y: Value; mean: Value; variance: Value } {
    const [y, batchMean, batchVariance] = this.op(
      "BatchNormalization",
      [x, scale, shift, this.neg(mean), this.neg(variance)],
      {
        epsilon,
        momentum: 0,
        training_mode: 1,
      },
    );
    return { y: y!, mean: batchMean!, variance: batchVariance! };
  }

  /** Sums of float16 are made in float32: some hundred elements are more than 11 bits of mantissa can count. */
  private inFloat32(x: Value, reduced: (x: Value) => Value): Value {
    return x.type === "float16" ? this.cast(reduced(this.cast(x, "float32")), "float16") : reduced(x);
  }

  private one(
    op: OperatorName,
    inputs: readonly (Value | null)[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    return this.op(op, inputs, attributes)[0]!;
  }

  private remember(key: string, make: () => readonly Value[]): readonly Value[] {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.known.set(key, made);
    return made;
  }

  private id(value: Value): number {
    const id = this.ids.get(value) ?? this.ids.size;
    this.ids.set(value, id);
    return id;
  }

  private unique(name: string): string {
    const count = this.names.get(name) ?? 0;
    this.names.set(name, count + 1);
    return count === 0 ? name : this.unique(`${name}_${count}`);
  }
}

/** The bounds of int64, which exporters write for "to the end"; as numbers they are rounded away from zero. */
const [LOWEST, HIGHEST] = [-(2n ** 63n), 2n ** 63n - 1n];

function int64(value: number): bigint {
  const whole = BigInt(value);
  return whole > HIGHEST ? HIGHEST : whole < LOWEST ? LOWEST : whole;
}

/** Text that differs wherever two elements do; -0 is printed as 0 otherwise. */
const literal = (element: number | bigint): string => (Object.is(element, -0) ? "-0" : String(element));

const spelledOut = ({
  strides = [1, 1],
  dilations = [1, 1],
  pads = [0, 0, 0, 0],
  group = 1,
}: Partial<WindowAttributes>): Attributes => ({
  strides,
  dilations,
  pads,
  group,
});
