import type { TypedArray } from "../onnx/index.js";

/** How fast the moving average of the weights follows them. */
export interface AverageOptions {
  /** Weight of the old average late in a run, such as 0.9999. */
  readonly decay: number;
}

/** Name of a parameter's or statistic's moving average in the state. */
export const averageName = (parameter: string): string => `average/${parameter}`;

/**
 * The share that new weights have in their moving average: 1 - min(decay, (1 + n) / (10 + n)) after the nth update, so that the
 * weights that a run began with are soon forgotten (tf.train.ExponentialMovingAverage with `num_updates`, as EfficientNet was
 * trained with).
 * @param update - n, from 1
 */
export const averageShare = ({ decay }: AverageOptions, update: number): number =>
  1 - Math.min(decay, (1 + update) / (10 + update));

/** What a tensor of a state is for evaluation and models: its average where one is kept. */
export const bestKnown = (state: Readonly<Record<string, TypedArray>>, name: string): TypedArray | undefined =>
  state[averageName(name)] ?? state[name];
