import { setImmediate as turn } from "node:timers/promises";
import { gradients } from "../../autodiff/index.js";
import { GraphBuilder, serialize, type Value } from "../../onnx/index.js";
import { openSession, type Session, type SessionOptions } from "../../runtime/index.js";
import { correctEach, logLikelihoods } from "../../train/index.js";
import type { ValueAndGradient } from "./lbfgs.js";
import type { RowChunk, Rows } from "./rows.js";

/** What a classifier is judged by, a number a row. */
export interface RowScores {
  /** Cross-entropy with label smoothing. */
  readonly losses: Float64Array;
  /** 1 where the largest logit is the label's. */
  readonly correct: Float64Array;
  /** Σ over the classes of p (1 - p): how much the loss bends in the logits. */
  readonly spread: Float64Array;
}

/** The L2 term: ½ strength |W - anchor|², over the weight without the bias. */
export interface Penalty {
  readonly strength: number;
  /** What the weight is drawn to, as parameters; zero where it is null. */
  readonly anchor: Float64Array | null;
}

/**
 * The loss of a linear classifier over rows. Parameters are a row a class, its weights and then its bias: [classes, width + 1].
 *   f(W, b) = Σᵢ vᵢ loss(W xᵢ + b, yᵢ) / Σᵢ vᵢ + ½ strength |W - anchor|², loss = cross-entropy with label smoothing.
 */
export interface ClassifierObjective {
  /** @param weights - vᵢ: how much each row counts */
  evaluate(parameters: Float64Array, weights: Float32Array, penalty: Penalty): Promise<ValueAndGradient>;
  score(parameters: Float64Array): Promise<RowScores>;
  dispose(): Promise<void>;
}

export interface ObjectiveOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly classes: number;
  readonly labelSmoothing: number;
}

/** The graph of one chunk: its parts are `training`, with gradients, and `scoring`. */
function chunkModels(rows: number, width: number, { classes, labelSmoothing }: ObjectiveOptions) {
  const b = new GraphBuilder();
  const features = b.input("features", "float32", [rows, width]);
  const labels = b.input("labels", "int32", [rows]);
  const weight = b.input("weight", "float32", [classes, width]);
  const bias = b.input("bias", "float32", [classes]);
  const counts = b.input("counts", "float32", [rows]);
  const logits = b.gemm(features, weight, bias, { transB: true });
  const losses = b.neg(logLikelihoods(b, logits, labels, labelSmoothing));
  const [dWeight, dBias] = gradients(b, losses, [weight, bias], counts) as [Value, Value];
  const probabilities = b.softmax(logits);
  const spread = b.sub(b.scalar(1), b.reduceSum(b.mul(probabilities, probabilities), { axes: [1] }));
  const inputs = [features, labels, weight, bias];
  return {
    training: serialize({
      name: "loss of rows",
      inputs: [...inputs, counts],
      outputs: { losses, dWeight, dBias },
    }),
    scoring: serialize({
      name: "scores of rows",
      inputs,
      outputs: { losses, correct: correctEach(b, logits, labels), spread },
    }),
  };
}

interface ChunkSessions {
  readonly training: Session;
  readonly scoring: Session;
}

/**
 * Opens the loss over rows. Products are float32, sums over chunks float64. Sessions are in this thread, since features would
 * be copied on their way to another at every pass; between chunks other events have their turn.
 */
export function openObjective(rows: Rows, options: ObjectiveOptions): ClassifierObjective {
  const { classes, device, threads } = options;
  const { width } = rows;
  const opened = new Map<number, Promise<ChunkSessions>>();
  const sessionsFor = (count: number): Promise<ChunkSessions> => {
    const known = opened.get(count);
    if (known !== undefined) return known;
    const models = chunkModels(count, width, options);
    const open = (model: Uint8Array) => openSession({ model }, { device, threads, where: "here" });
    const opening = Promise.all([open(models.training), open(models.scoring)]).then(([training, scoring]) => ({
      training,
      scoring,
    }));
    opened.set(count, opening);
    return opening;
  };
  /** One pass; `use` gets each chunk, its sessions, and where it begins. */
  const pass = async (
    use: (chunk: RowChunk, sessions: ChunkSessions, start: number) => Promise<void>,
  ): Promise<void> => {
    let start = 0;
    for await (const chunk of rows.rows()) {
      await use(chunk, await sessionsFor(chunk.count), start);
      start += chunk.count;
      await turn();
    }
  };

  return {
    async evaluate(parameters, weights, { strength, anchor }) {
      const fed = unpacked(parameters, classes, width);
      const total = weights.reduce((sum, v) => sum + v, 0);
      const gradient = new Float64Array(parameters.length);
      let value = 0;
      await pass(async ({ features, labels, count }, { training }, start) => {
        const counts = weights.subarray(start, start + count);
        const out = await training.run({ features, labels, counts, ...fed });
        const losses = out.losses as Float32Array;
        for (let i = 0; i < count; i++) value += counts[i]! * losses[i]!;
        addPacked(gradient, out.dWeight as Float32Array, out.dBias as Float32Array, width);
      });
      value /= total;
      for (let i = 0; i < gradient.length; i++) gradient[i]! /= total;
      return { value: value + penalize(gradient, parameters, width, strength, anchor), gradient };
    },
    async score(parameters) {
      const fed = unpacked(parameters, classes, width);
      const [losses, correct, spread] = [0, 0, 0].map(() => new Float64Array(rows.count)) as [
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      await pass(async ({ features, labels }, { scoring }, start) => {
        const out = await scoring.run({ features, labels, ...fed });
        losses.set(out.losses as Float32Array, start);
        correct.set(out.correct as Float32Array, start);
        spread.set(out.spread as Float32Array, start);
      });
      return { losses, correct, spread };
    },
    async dispose() {
      for (const sessions of opened.values()) {
        const { training, scoring } = await sessions;
        await training.dispose();
        await scoring.dispose();
      }
    },
  };
}

/** Adds the penalty's gradient to `gradient`, and gives its value. */
function penalize(
  gradient: Float64Array,
  parameters: Float64Array,
  width: number,
  strength: number,
  anchor: Float64Array | null,
): number {
  let squares = 0;
  for (let start = 0; start < parameters.length; start += width + 1) {
    for (let i = start; i < start + width; i++) {
      const away = parameters[i]! - (anchor === null ? 0 : anchor[i]!);
      squares += away * away;
      gradient[i]! += strength * away;
    }
  }
  return (strength / 2) * squares;
}

/** Parameters as weight [classes, width] and bias [classes]. */
export function unpacked(
  parameters: Float64Array,
  classes: number,
  width: number,
): { readonly weight: Float32Array; readonly bias: Float32Array } {
  const [weight, bias] = [new Float32Array(classes * width), new Float32Array(classes)];
  for (let c = 0; c < classes; c++) {
    const start = c * (width + 1);
    weight.set(parameters.subarray(start, start + width), c * width);
    bias[c] = parameters[start + width]!;
  }
  return { weight, bias };
}

/** Weight and bias as parameters. */
export function asParameters(weight: Float32Array, bias: Float32Array): Float64Array {
  const width = weight.length / bias.length;
  const parameters = new Float64Array(weight.length + bias.length);
  addPacked(parameters, weight, bias, width);
  return parameters;
}

function addPacked(to: Float64Array, weight: Float32Array, bias: Float32Array, width: number): void {
  for (let c = 0, from = 0, at = 0; c < bias.length; c++) {
    for (let i = 0; i < width; i++) to[at++]! += weight[from++]!;
    to[at++]! += bias[c]!;
  }
}
