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

/** Rows of a softmax, or its logarithm. */
export function softmax(x: Data, columns: number, logarithm: boolean): number[] {
  return Array.from({ length: x.length / columns }, (_, r) =>
    Array.from({ length: columns }, (_, c) => x[r * columns + c]!),
  ).flatMap((row) => {
    const sum = row.reduce((s, v) => s + Math.exp(v), 0);
    return row.map((v) => (logarithm ? v - Math.log(sum) : Math.exp(v) / sum));
  });
}

/** [rows, inner] times [inner, columns]. */
export function matmul(a: Data, b: Data, rows: number, inner: number, columns: number): number[] {
  return Array.from({ length: rows * columns }, (_, i) => {
    const [r, c] = [Math.floor(i / columns), i % columns];
    return Array.from({ length: inner }, (_, k) => a[r * inner + k]! * b[k * columns + c]!).reduce((x, y) => x + y, 0);
  });
}
