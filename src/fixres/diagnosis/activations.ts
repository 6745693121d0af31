/** What enters a classifier, a row a picture: float32 [rows, channels]. */
export interface Activations {
  readonly values: Float32Array;
  readonly channels: number;
}

/** Activations after pooling in short (arXiv 1906.06423, section 3.3). */
export interface ActivationStatistics {
  readonly mean: number;
  /** Over pictures: root of the channels' mean variance. */
  readonly std: number;
  /** Share that lies nearer to 0 than a hundredth of the training activations' root mean square. */
  readonly nearZero: number;
  readonly negative: number;
}

/** How far activations lie from those of training. */
export interface Shift {
  /** Mean over channels of |μ - μ'| / σ'; channels that do not vary in training are left out. */
  readonly shift: number;
  /** Σ ((μ - μ')² + (σ - σ')²) / Σ σ'² over channels: the Fréchet distance of a Gaussian a channel, by the variance of training. */
  readonly distance: number;
}

/** Nearness to 0, as a share of the root mean square. */
const NEAR = 0.01;

/** A mean and a variance a channel. */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** Of all values. */
  readonly rootMeanSquare: number;
}

/** Each channel's mean and variance over pictures. */
export function momentsOf({ values, channels }: Activations): Moments {
  const rows = values.length / channels;
  const mean = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) mean[i % channels]! += values[i]! / rows;
  const variance = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) variance[i % channels]! += (values[i]! - mean[i % channels]!) ** 2 / rows;
  const squares = variance.map((v, c) => v + mean[c]! ** 2);
  return { mean, variance, rootMeanSquare: Math.sqrt(sum(squares) / channels) };
}

/** @param train - of the training activations, which say what is near 0 */
export function statisticsOf(activations: Activations, { rootMeanSquare }: Moments): ActivationStatistics {
  const { values, channels } = activations;
  const { mean, variance } = momentsOf(activations);
  let [near, negative] = [0, 0];
  for (const value of values) {
    if (Math.abs(value) <= NEAR * rootMeanSquare) near++;
    if (value < 0) negative++;
  }
  return {
    mean: sum(mean) / channels,
    std: Math.sqrt(sum(variance) / channels),
    nearZero: near / values.length,
    negative: negative / values.length,
  };
}

/** How far a test's activations lie from training's. */
export function shiftFrom(train: Moments, { mean, variance }: Moments): Shift {
  const varying = train.variance.reduce((count, v) => count + (v > 0 ? 1 : 0), 0);
  const [shifts, distances] = [new Float64Array(mean.length), new Float64Array(mean.length)];
  for (let c = 0; c < mean.length; c++) {
    const apart = Math.abs(mean[c]! - train.mean[c]!);
    const own = Math.sqrt(train.variance[c]!);
    if (own > 0) shifts[c] = apart / own;
    distances[c] = apart ** 2 + (Math.sqrt(variance[c]!) - own) ** 2;
  }
  return { shift: sum(shifts) / varying, distance: sum(distances) / sum(train.variance) };
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
