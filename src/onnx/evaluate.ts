/*
 * Arithmetic on what is known while a model is read: sizes, axes and pads, which exporters compute in the graph from the shape
 * of its input. With all shapes known, these are constants.
 */
import { ARRAYS, type Attributes, constantData, elements, type Shape, type TypedArray, type Value } from "./graph.js";

/** Constants of more elements stay what they are: they are weights, not sizes. */
const LARGEST = 1024;

interface Known {
  readonly shape: Shape;
  readonly data: readonly number[];
}

/** What a node gives for known operands: its elements, in the order of its shape. */
type Evaluate = (operands: readonly (Known | undefined)[], attributes: Attributes, result: Shape) => number[];

const strides = (shape: Shape): number[] => shape.map((_, axis) => elements(shape.slice(axis + 1)));

/** Elements of a result, each from the coordinates of its place. */
function placed(shape: Shape, element: (coordinates: readonly number[]) => number): number[] {
  const steps = strides(shape);
  return Array.from({ length: elements(shape) }, (_, i) =>
    element(shape.map((n, axis) => Math.floor(i / steps[axis]!) % n)),
  );
}

/** An operand's element at coordinates of a result that it is broadcast to. */
function at({ shape, data }: Known, coordinates: readonly number[]): number {
  const steps = strides(shape);
  const behind = coordinates.length - shape.length;
  return data[shape.reduce((sum, n, axis) => sum + (n === 1 ? 0 : coordinates[axis + behind]! * steps[axis]!), 0)]!;
}

const elementwise =
  (compute: (x: number, y: number, z: number) => number): Evaluate =>
  (operands, _, result) =>
    placed(result, (coordinates) => {
      // An operand that is left out takes the default of the function.
      const values = operands.map((operand) => (operand === undefined ? undefined : at(operand, coordinates)));
      return compute(...(values as [number, number, number]));
    });

const same: Evaluate = ([x]) => [...x!.data];

const fromEnd = (index: number, length: number): number => (index < 0 ? index + length : index);

const clamped = (index: number, low: number, high: number): number => Math.min(Math.max(index, low), high);

/** To the nearest whole number, halves to the even one. */
const rounded = (x: number): number => (x % 1 === 0.5 || x % 1 === -0.5 ? 2 * Math.round(x / 2) : Math.round(x));

const EVALUATE: Readonly<Record<string, Evaluate>> = {
  Abs: elementwise(Math.abs),
  Ceil: elementwise(Math.ceil),
  Floor: elementwise(Math.floor),
  Neg: elementwise((x) => -x),
  Not: elementwise((x) => Number(x === 0)),
  Round: elementwise(rounded),
  Sqrt: elementwise(Math.sqrt),
  Cast: same,
  Identity: same,
  Reshape: same,
  Squeeze: same,
  Unsqueeze: same,
  Flatten: same,
  Add: elementwise((x, y) => x + y),
  Sub: elementwise((x, y) => x - y),
  Mul: elementwise((x, y) => x * y),
  Div: elementwise((x, y) => x / y),
  Mod: elementwise((x, y) => x - y * Math.floor(x / y)),
  Max: elementwise((x, y) => Math.max(x, y)),
  Min: elementwise((x, y) => Math.min(x, y)),
  Pow: elementwise((x, y) => x ** y),
  And: elementwise((x, y) => Number(x !== 0 && y !== 0)),
  Or: elementwise((x, y) => Number(x !== 0 || y !== 0)),
  Equal: elementwise((x, y) => Number(x === y)),
  Greater: elementwise((x, y) => Number(x > y)),
  GreaterOrEqual: elementwise((x, y) => Number(x >= y)),
  Less: elementwise((x, y) => Number(x < y)),
  LessOrEqual: elementwise((x, y) => Number(x <= y)),
  Where: elementwise((condition, x, y) => (condition === 0 ? y : x)),
  Clip: elementwise((x, low = -Infinity, high = Infinity) => clamped(x, low, high)),
  Expand: ([x], _, result) => placed(result, (coordinates) => at(x!, coordinates)),
  Tile: ([x], _, result) =>
    placed(result, (coordinates) =>
      at(
        x!,
        coordinates.map((c, axis) => c % x!.shape[axis]!),
      ),
    ),
  Transpose: ([x], { perm }, result) => {
    const order = (perm as readonly number[] | undefined) ?? [...x!.shape.keys()].reverse();
    return placed(result, (coordinates) =>
      at(
        x!,
        x!.shape.map((_, axis) => coordinates[order.indexOf(axis)]!),
      ),
    );
  },
  Concat: (operands, { axis = 0 }, result) => {
    const along = fromEnd(Number(axis), result.length);
    return placed(result, (coordinates) => {
      const own = [...coordinates];
      const holder = operands.find((part) => {
        if (own[along]! < part!.shape[along]!) return true;
        own[along]! -= part!.shape[along]!;
        return false;
      });
      return at(holder!, own);
    });
  },
  Gather: ([x, indices], { axis = 0 }, result) => {
    const along = fromEnd(Number(axis), x!.shape.length);
    const rank = indices!.shape.length;
    return placed(result, (coordinates) => {
      const index = at(indices!, coordinates.slice(along, along + rank));
      const from = fromEnd(index, x!.shape[along]!);
      return at(x!, [...coordinates.slice(0, along), from, ...coordinates.slice(along + rank)]);
    });
  },
  Slice: ([x, starts, _ends, axes, steps], _, result) => {
    const from = new Map(
      starts!.data.map((start, i) => {
        const axis = fromEnd(axes?.data[i] ?? i, x!.shape.length);
        const [step, length] = [steps?.data[i] ?? 1, x!.shape[axis]!];
        return [axis, { step, start: clamped(fromEnd(start, length), 0, step > 0 ? length : length - 1) }];
      }),
    );
    return placed(result, (coordinates) =>
      at(
        x!,
        coordinates.map((c, axis) => (from.get(axis)?.start ?? 0) + c * (from.get(axis)?.step ?? 1)),
      ),
    );
  },
  ReduceProd: ([x], _, result) => (elements(result) === 1 ? [x!.data.reduce((a, b) => a * b, 1)] : []),
};

/** Float results are rounded to their type, quotients of whole numbers towards zero. */
const stored = (values: readonly number[], { type }: Value): TypedArray => {
  switch (type) {
    case "float32":
      return Float32Array.from(values);
    case "int64":
      return BigInt64Array.from(values, (value) => BigInt(Math.trunc(value)));
    case "bool":
      return Uint8Array.from(values, (value) => Number(value !== 0));
    default:
      return (ARRAYS[type] as Int32ArrayConstructor).from(values, Math.trunc);
  }
};

/**
 * The elements of a node's result where all of its operands are small constants, or null.
 * @param result - the value that the node gives
 */
export function evaluated(
  op: string,
  inputs: readonly (Value | null)[],
  attributes: Attributes,
  result: Value,
): TypedArray | null {
  const evaluate = Object.hasOwn(EVALUATE, op) ? EVALUATE[op]! : null;
  if (evaluate === null || inputs.length === 0 || elements(result.shape) > LARGEST || result.type === "float16")
    return null;
  const operands: (Known | undefined)[] = [];
  for (const input of inputs) {
    const data = input === null ? null : constantData(input);
    if (input !== null && (data === null || data.length > LARGEST || input.type === "float16")) return null;
    operands.push(
      data === null ? undefined : { shape: input!.shape, data: Array.from(data as ArrayLike<number | bigint>, Number) },
    );
  }
  const values = evaluate(operands, attributes, result.shape);
  // A place outside an operand holds nothing; the engine says what it thinks of that.
  if (
    values.length !== elements(result.shape) ||
    values.includes(undefined as never) ||
    (result.type === "int64" && !values.every(Number.isFinite))
  )
    return null;
  return stored(values, result);
}
