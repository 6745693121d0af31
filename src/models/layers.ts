import { elements, type GraphBuilder, type Shape, type Value } from "../onnx/index.js";
import { type Affine, foldedBatchNorm, type Normalized, pointwiseBatchNorm, primitiveBatchNorm } from "./batch-norm.js";
import { depthwiseTraining } from "./depthwise.js";
import type { Architecture } from "./family.js";

/** What a BatchNorm in training mode measured: the batch's mean and biased variance over `count` elements a channel. */
export interface BatchStatistics {
  /** The layer's name, such as `blocks.1.0.bn2`. */
  readonly layer: string;
  readonly mean: Value;
  readonly variance: Value;
  readonly count: number;
  /** The running mean and variance of the state before this batch. */
  readonly runningMean: Value;
  readonly runningVariance: Value;
}

type Moments = Pick<Normalized, "mean" | "variance">;

/** A random factor that the caller feeds: each element is 1 / keep with probability `keep`, else 0. */
export interface Noise {
  readonly input: Value;
  readonly keep: number;
}

/** How a network behaves beyond inference; all of it absent means inference. */
export interface TrainingBehaviour {
  /** True for the BatchNorm layers that normalise by the batch. */
  readonly batchStatistics: (layer: string) => boolean;
  /** Probability of zeroing a pooled feature. */
  readonly dropout: number;
  /** Probability of skipping a residual branch at the last block; it grows linearly with depth from 0. */
  readonly dropPath: number;
  /** True for the blocks whose residual branch may be skipped, such as `blocks.2.1`; all of them unless given. */
  readonly skips?: (block: string) => boolean;
  /** How BatchNorm by the batch is written: as ONNX's operator (unless given), or in primitive ones where that is refused. */
  readonly batchNorm?: "operator" | "primitive";
  /** Whether BatchNorm by running statistics goes into the convolution before it, where that can be; false unless given. */
  readonly folded?: boolean;
  /** What activations are computed in: `mixed` is float16, but for normalisation and means over pictures and pixels. `float32` unless given. */
  readonly precision?: Precision;
}

export const PRECISIONS = ["float32", "mixed"] as const;
export type Precision = (typeof PRECISIONS)[number];

/** x sigmoid(x) (arXiv 1710.05941); in training on the engine's CPU by its own operator, which inference gets from the engine. */
const swish = (b: GraphBuilder, x: Value): Value =>
  b.block === null ? b.mul(x, b.sigmoid(x)) : b.op("com.microsoft.QuickGelu", [x], { alpha: 1 })[0]!;

/** Writes the layers that the family is made of, and notes what training needs of them. */
export class Layers {
  readonly statistics: BatchStatistics[] = [];
  readonly noise: Noise[] = [];

  constructor(
    readonly b: GraphBuilder,
    readonly arch: Architecture,
    readonly training: TrainingBehaviour | null,
    /** The parameter of a name; the builder's own unless given. */
    readonly parameter: (name: string, shape: Shape) => Value = (name, shape) => b.parameter(name, shape),
  ) {}

  /**
   * Convolution without bias: [N, C, H, W] to [N, outChannels, H', W']. Padding is TensorFlow's SAME, which puts the odd
   * row below and to the right and depends on H and W, or half the kernel on every side.
   */
  conv(x: Value, name: string, outChannels: number, kernel: number, { stride = 1, depthwise = false } = {}): Value {
    const channels = x.shape[1]!;
    const w = this.half(this.parameter(`${name}.weight`, [outChannels, depthwise ? 1 : channels, kernel, kernel]));
    const [[top, bottom], [left, right]] = [
      this.padding(x.shape[2]!, kernel, stride),
      this.padding(x.shape[3]!, kernel, stride),
    ];
    const window = {
      strides: [stride, stride],
      pads: [top, left, bottom, right],
      group: depthwise ? channels : 1,
    } as const;
    // In inference the engine brings its convolutions to a faster layout by itself.
    if (depthwise && this.training !== null && !this.isMixed) return depthwiseTraining(this.b, x, w, window);
    return this.b.conv(this.half(x), w, null, window);
  }

  /** BatchNorm by running statistics, or by the batch's where training asks for it (arXiv 1502.03167). */
  norm(x: Value, name: string): Value {
    return this.half(this.normInFloat32(this.full(x), name));
  }

  private normInFloat32(x: Value, name: string): Value {
    const { affine, running } = this.normParameters(name, x.shape[1]!);
    const { weight, bias, epsilon } = affine;
    const { mean, variance } = running;
    if (!this.training?.batchStatistics(name)) {
      const folded = this.training?.folded === true ? foldedBatchNorm(this.b, x, affine, running) : null;
      return folded ?? this.b.batchNormalization(x, weight, bias, mean, variance, epsilon);
    }
    return this.noted(
      name,
      x,
      running,
      this.training.batchNorm === "primitive"
        ? primitiveBatchNorm(this.b, x, affine)
        : this.b.batchNormalizationTraining(x, weight, bias, mean, variance, epsilon),
    );
  }

  /** A 1x1 convolution and its BatchNorm, [N, C, H, W] to [N, outChannels, H, W]: in training as one, where that is cheaper. */
  pointwiseNorm(x: Value, name: string, outChannels: number, normName: string): Value {
    if (!this.training?.batchStatistics(normName) || this.isMixed || outChannels <= x.shape[1]!)
      return this.norm(this.conv(x, name, outChannels, 1), normName);
    const w = this.parameter(`${name}.weight`, [outChannels, x.shape[1]!, 1, 1]);
    const { affine, running } = this.normParameters(normName, outChannels);
    return this.noted(normName, x, running, pointwiseBatchNorm(this.b, x, w, affine));
  }

  /** Swish, or ReLU6 in the lite family. */
  activation(x: Value): Value {
    const { b } = this;
    return this.arch.lite ? b.op("Clip", [x, b.scalar(0, x.type), b.scalar(6, x.type)])[0]! : this.swish(x);
  }

  /** Channels weighted by what the whole picture shows: x sigmoid(expand(swish(reduce(mean(x))))) (arXiv 1709.01507). */
  squeezeExcite(x: Value, name: string, reduced: number): Value {
    const pooled = this.globalAveragePool(x);
    const gate = this.pointwise(
      this.swish(this.pointwise(pooled, `${name}.conv_reduce`, reduced)),
      `${name}.conv_expand`,
      x.shape[1]!,
    );
    return this.b.mul(x, this.half(this.b.sigmoid(gate)));
  }

  /** The mean over pixels, [N, C, H, W] to float32 [N, C, 1, 1]. */
  globalAveragePool(x: Value): Value {
    return this.b.globalAveragePool(this.full(x));
  }

  /** Zeroes elements with probability `rate` and scales the others up, by factors of the given shape that are fed. */
  drop(x: Value, name: string, rate: number, shape: readonly number[]): Value {
    if (rate === 0) return x;
    const input = this.b.input(`noise/${name}`, "float32", shape);
    this.noise.push({ input, keep: 1 - rate });
    return this.b.mul(x, this.b.cast(input, x.type));
  }

  private get isMixed(): boolean {
    return this.training?.precision === "mixed";
  }

  /** In float16, where activations are. */
  private half(x: Value): Value {
    return this.isMixed ? this.b.cast(x, "float16") : x;
  }

  private full(x: Value): Value {
    return this.b.cast(x, "float32");
  }

  /** x sigmoid(x) (arXiv 1710.05941). */
  private swish(x: Value): Value {
    return swish(this.b, x);
  }

  private normParameters(name: string, channels: number): { affine: Affine; running: Moments } {
    const parameter = (leaf: string): Value => this.parameter(`${name}.${leaf}`, [channels]);
    const affine = { weight: parameter("weight"), bias: parameter("bias"), epsilon: this.arch.batchNormEpsilon };
    return { affine, running: { mean: parameter("running_mean"), variance: parameter("running_var") } };
  }

  /** Keeps what a BatchNorm measured over the pixels of `x` for the running statistics, and gives its result. */
  private noted(layer: string, x: Value, running: Moments, { y, mean, variance }: Normalized): Value {
    const count = elements(x.shape) / x.shape[1]!;
    this.statistics.push({
      layer,
      mean,
      variance,
      count,
      runningMean: running.mean,
      runningVariance: running.variance,
    });
    return y;
  }

  private pointwise(x: Value, name: string, outChannels: number): Value {
    const w = this.parameter(`${name}.weight`, [outChannels, x.shape[1]!, 1, 1]);
    return this.b.conv(x, w, this.parameter(`${name}.bias`, [outChannels]));
  }

  private padding(length: number, kernel: number, stride: number): [number, number] {
    if (this.arch.padding === "symmetric") {
      const half = Math.floor((stride - 1 + kernel - 1) / 2);
      return [half, half];
    }
    const total = Math.max((Math.ceil(length / stride) - 1) * stride + kernel - length, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }
}
