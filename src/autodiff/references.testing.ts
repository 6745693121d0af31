/** Plain loops in float64 that operators are compared with. */
type Data = ArrayLike<number>;

export interface ConvShape {
  readonly x: readonly [number, number, number, number];
  readonly w: readonly [number, number, number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly group: number;
}

export function conv(x: Data, w: Data, bias: Data | undefined, shape: ConvShape): number[] {
  const {
    x: [n, c, h, width],
    w: [o, perGroup, kh, kw],
    strides,
    pads,
    dilations,
    group,
  } = shape;
  const rows = Math.floor((h + pads[0] + pads[2] - dilations[0] * (kh - 1) - 1) / strides[0]) + 1;
  const columns = Math.floor((width + pads[1] + pads[3] - dilations[1] * (kw - 1) - 1) / strides[1]) + 1;
  const out: number[] = [];
  for (let b = 0; b < n; b++) {
    for (let k = 0; k < o; k++) {
      const first = Math.floor(k / (o / group)) * perGroup;
      for (let r = 0; r < rows; r++) {
        for (let q = 0; q < columns; q++) {
          let sum = bias?.[k] ?? 0;
          for (let i = 0; i < perGroup * kh * kw; i++) {
            const [channel, dy, dx] = [Math.floor(i / (kh * kw)), Math.floor(i / kw) % kh, i % kw];
            const [y, z] = [r * strides[0] + dy * dilations[0] - pads[0], q * strides[1] + dx * dilations[1] - pads[1]];
            if (y < 0 || y >= h || z < 0 || z >= width) continue;
            sum += x[((b * c + first + channel) * h + y) * width + z]! * w[k * perGroup * kh * kw + i]!;
          }
          out.push(sum);
        }
      }
    }
  }
  return out;
}

/** BatchNorm over [n, c, pixels]; by the batch where no statistics are given. */
export function batchNorm(
  [x, scale, shift, mean, variance]: readonly Data[],
  [n, c, pixels]: readonly [number, number, number],
  epsilon: number,
): number[] {
  const out = new Array<number>(n * c * pixels);
  for (let k = 0; k < c; k++) {
    const at = Array.from({ length: n * pixels }, (_, i) => (Math.floor(i / pixels) * c + k) * pixels + (i % pixels));
    const m = mean?.[k] ?? at.reduce((sum, i) => sum + x![i]!, 0) / at.length;
    const v = variance?.[k] ?? at.reduce((sum, i) => sum + (x![i]! - m) ** 2, 0) / at.length;
    for (const i of at) out[i] = ((x![i]! - m) / Math.sqrt(v + epsilon)) * scale![k]! + shift![k]!;
  }
  return out;
}

const count = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** The index along each axis of element i. */
const indexOf = (shape: readonly number[], i: number): number[] => {
  const index: number[] = [];
  let rest = i;
  for (const n of [...shape].reverse()) {
    index.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return index;
};

/** The element that is read at an index of a shape that `shape` was broadcast to. */
const broadcastOffset = (shape: readonly number[], index: readonly number[]): number =>
  shape.reduce((at, n, i) => at * n + (n === 1 ? 0 : index[i + index.length - shape.length]!), 0);

/** f of operands that are broadcast to `to`. */
export function broadcast(
  operands: readonly Data[],
  shapes: readonly (readonly number[])[],
  to: readonly number[],
  f: (...values: number[]) => number,
): number[] {
  return Array.from({ length: count(to) }, (_, i) =>
    f(...operands.map((data, k) => data[broadcastOffset(shapes[k]!, indexOf(to, i))]!)),
  );
}

/** Sums, or what else `f` makes of the elements that differ only along `axes`. */
export function reduce(
  x: Data,
  shape: readonly number[],
  axes: readonly number[],
  f = (values: number[]): number => values.reduce((a, v) => a + v, 0),
): number[] {
  const kept = shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const groups = Array.from({ length: count(kept) }, (): number[] => []);
  for (let i = 0; i < x.length; i++) groups[broadcastOffset(kept, indexOf(shape, i))]!.push(x[i]!);
  return groups.map(f);
}

/** Softmax along an axis, or its logarithm. */
export function softmax(x: Data, shape: readonly number[], axis: number, logarithm: boolean): number[] {
  const kept = shape.map((n, i) => (i === axis ? 1 : n));
  const sums = reduce(x, shape, [axis], (values) => values.reduce((s, v) => s + Math.exp(v), 0));
  return broadcast([x, sums], [shape, kept], shape, (v, sum) =>
    logarithm ? v! - Math.log(sum!) : Math.exp(v!) / sum!,
  );
}

/** [..., rows, inner] times [..., inner, columns], stacks broadcast to `stack`. */
export function matmul(
  a: Data,
  b: Data,
  [aShape, bShape]: readonly (readonly number[])[],
  stack: readonly number[] = [],
): number[] {
  const [rows, inner, columns] = [aShape!.at(-2)!, aShape!.at(-1)!, bShape!.at(-1)!];
  const to = [...stack, rows, columns];
  return Array.from({ length: count(to) }, (_, i) => {
    const index = indexOf(to, i);
    const [r, c] = index.splice(-2) as [number, number];
    const aAt = broadcastOffset(aShape!.slice(0, -2), index) * rows;
    const bAt = broadcastOffset(bShape!.slice(0, -2), index) * inner;
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a[(aAt + r) * inner + k]! * b[(bAt + k) * columns + c]!;
    return sum;
  });
}

/** The transpose of [columns, rows], which is [rows, columns]. */
export const transpose = (x: Data, rows: number, columns: number): number[] =>
  Array.from({ length: rows * columns }, (_, i) => x[(i % columns) * rows + Math.floor(i / columns)]!);
