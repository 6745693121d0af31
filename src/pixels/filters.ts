import { RequestError } from "../errors.js";

/** The names of the resampling filters, spelled as in timm and in model cards. */
export const FILTERS = ["box", "bilinear", "hamming", "bicubic", "lanczos"] as const;

/** A resampling filter, by Pillow's definition of it. */
export type Filter = (typeof FILTERS)[number];

/**
 * Bits after the point in a coefficient: 8 for the sample and 2 for overshoot are kept free of 32 (Pillow's Resample).
 */
export const PRECISION_BITS = 32 - 8 - 2;

/** How one axis is resampled: output i is the sum over t < taps of its weight t times input `starts[i] + t`. */
export interface Coefficients {
  /** Inputs that each output reads; outputs that need fewer have weights of 0 and still read inside the axis. */
  readonly taps: number;
  /** First input of each output [count], never falling. */
  readonly starts: Int32Array;
  /** Pairs of taps, the last one's second of weight 0 where `taps` is odd. */
  readonly pairs: number;
  /**
   * Fixed-point weights w with `PRECISION_BITS` bits after the point, by pairs of taps, as SIMD multiplies them: [count, pairs, 4],
   * low and low, high and high, where w = high * 2^16 + low.
   */
  readonly weights: Int16Array;
}

interface Kernel {
  /** Half the width of the window, in samples of the coarser grid. */
  readonly support: number;
  readonly weigh: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

// Pillow writes the window's constants as C floats.
const HAMMING_A = Math.fround(0.54);
const HAMMING_B = Math.fround(0.46);

const KERNELS: Readonly<Record<Filter, Kernel>> = {
  box: { support: 0.5, weigh: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weigh: (x) => {
      if (x === 0) return 1;
      return Math.abs(x) >= 1 ? 0 : sinc(Math.abs(x)) * (HAMMING_A + HAMMING_B * Math.cos(Math.abs(x) * Math.PI));
    },
  },
  bicubic: { support: 2, weigh: cubic },
  lanczos: { support: 3, weigh: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic convolution with a = -0.5, as in Pillow (OpenCV and PyTorch's tensors take -0.75). */
function cubic(signed: number): number {
  const a = -0.5;
  const x = Math.abs(signed);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/**
 * Checks the name of a filter.
 * @throws {RequestError} if it is none of `FILTERS`
 */
export function assertFilter(name: string): asserts name is Filter {
  if (!(FILTERS as readonly string[]).includes(name)) {
    throw new RequestError(`Unknown interpolation "${name}"; take one of ${FILTERS.join(", ")}.`);
  }
}

/** A run of outputs of a resampled axis; the rest is cropped away, so nothing is computed for it. */
export interface Span {
  readonly first: number;
  readonly count: number;
}

/** Random crops ask for ever new lengths; past this many bytes the oldest tables go. */
const CACHE_BYTES = 16 << 20;
const cache = new Map<string, Coefficients>();
let cachedBytes = 0;

/**
 * The weights that bring an axis of `inputs` samples to `outputs`, for the outputs of `span`. The filter is
 * antialiased: its window widens with the scale when shrinking (Pillow's Resample.c, 8 bits per channel). Tables are
 * kept for later calls.
 * @param inputs - length of the source axis, at least 1  @param outputs - length of the result's axis, at least 1
 */
export function coefficients(inputs: number, outputs: number, filter: Filter, span: Span): Coefficients {
  const key = `${filter} ${inputs} ${outputs} ${span.first} ${span.count}`;
  let table = cache.get(key);
  if (table === undefined) {
    table = computeCoefficients(inputs, outputs, KERNELS[filter], span);
    cache.set(key, table);
    cachedBytes += sizeOf(table);
    for (const [oldest, old] of cache) {
      if (cachedBytes <= CACHE_BYTES || old === table) break;
      cache.delete(oldest);
      cachedBytes -= sizeOf(old);
    }
  }
  return table;
}

const sizeOf = (table: Coefficients): number => table.starts.byteLength + table.weights.byteLength;

function computeCoefficients(
  inputs: number,
  outputs: number,
  { support, weigh }: Kernel,
  { first, count }: Span,
): Coefficients {
  const scale = inputs / outputs;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const taps = Math.min(Math.ceil(reach) * 2 + 1, inputs);
  const starts = new Int32Array(count);
  const weights = new Int32Array(count * taps);
  const window = new Float64Array(taps);
  let used = 1;
  for (let i = 0; i < count; i++) {
    const center = (first + i + 0.5) * scale;
    const start = Math.max(Math.trunc(center - reach + 0.5), 0);
    const length = Math.min(Math.trunc(center + reach + 0.5), inputs) - start;
    let sum = 0;
    for (let t = 0; t < length; t++) sum += window[t] = weigh((t + start - center + 0.5) * (1 / stretch));
    starts[i] = start;
    for (let t = 0; t < length; t++) {
      const weight = (sum === 0 ? window[t]! : window[t]! / sum) * (1 << PRECISION_BITS);
      weights[i * taps + t] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
      if (weights[i * taps + t] !== 0) used = Math.max(used, t + 1);
    }
  }
  return compact({ taps, starts, weights }, used, inputs);
}

/** The table with `taps` columns, by pairs, each window moved back where it would read past the end of the axis. */
function compact(
  table: { readonly taps: number; readonly starts: Int32Array; readonly weights: Int32Array },
  taps: number,
  inputs: number,
): Coefficients {
  const count = table.starts.length;
  const starts = new Int32Array(count);
  const pairs = Math.ceil(taps / 2);
  const weights = new Int16Array(count * pairs * 4);
  for (let i = 0; i < count; i++) {
    starts[i] = Math.min(table.starts[i]!, inputs - taps);
    const shift = table.starts[i]! - starts[i]!;
    for (let t = shift; t < taps; t++) {
      const weight = table.weights[i * table.taps + t - shift]!;
      const at = (i * pairs + (t >> 1)) * 4 + (t & 1);
      // Stored modulo 2^16, so as a signed number; what that takes away or adds is the high half's.
      weights[at] = weight;
      weights[at + 2] = (weight - weights[at]!) >> 16;
    }
  }
  return { taps, starts, pairs, weights };
}
