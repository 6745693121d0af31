import type { GraphBuilder, Value } from "../onnx/index.js";

/** A second label of each picture and the share of the first, as mixup (arXiv 1710.09412) and CutMix (1905.04899) make them. */
export interface Mix {
  /** int32 [N] */
  readonly otherLabels: Value;
  /** λ, float32 [N], in [0, 1]. */
  readonly share: Value;
}

export interface LossOptions {
  readonly mix?: Mix;
  /** A factor a class, [classes]; 1 for all unless given. */
  readonly classWeights?: readonly number[];
  /** Distributions that the pictures are to be given, float32 [N, classes], in place of labels, `mix` and smoothing. */
  readonly targets?: Value;
}

/**
 * Mean cross-entropy with label smoothing: targets are (1 - s) at the label plus s / classes everywhere
 * (arXiv 1512.00567, section 7). With a second label they are λ of the one's and 1 - λ of the other's. Class weights w multiply
 * the targets of their class, -Σ w t log p, and the mean stays that over pictures, as PyTorch has it for targets that are
 * probabilities. Where `targets` are given the loss is -1/N Σ Σ t log p by these, over all pictures alike: with B labelled and U
 * pseudo-labelled ones it is 1/(B + U) (Σ_B ℓ + Σ_U ℓ) (arXiv 1911.04252, section 3.1).
 * @param logits - float32 [N, classes]  @param labels - int32 [N]  @param smoothing - s, in [0, 1)
 * @returns a scalar
 */
export function crossEntropy(
  b: GraphBuilder,
  logits: Value,
  labels: Value,
  smoothing: number,
  options: LossOptions = {},
): Value {
  const perPicture = logLikelihoods(b, logits, labels, smoothing, options);
  return b.scale(b.reduceSum(perPicture, { axes: [0] }), -1 / logits.shape[0]!);
}

/** The same of each picture by itself, and negative: float32 [N]. */
export function logLikelihoods(
  b: GraphBuilder,
  logits: Value,
  labels: Value,
  smoothing: number,
  { mix, classWeights, targets }: LossOptions = {},
): Value {
  const classes = logits.shape[1]!;
  const smoothed = (): Value => {
    const hard = mix === undefined ? oneHot(b, labels, classes) : mixed(b, labels, mix, classes);
    return b.add(b.scale(hard, 1 - smoothing), b.scalar(smoothing / classes));
  };
  const smooth = targets ?? smoothed();
  const target = classWeights === undefined ? smooth : b.mul(smooth, perClass(b, classWeights));
  return b.reduceSum(b.mul(target, b.logSoftmax(logits)), { axes: [1] });
}

const perClass = (b: GraphBuilder, weights: readonly number[]): Value =>
  b.constant(Float32Array.from(weights), "float32", [1, weights.length], "class weights");

/** λ at the label and 1 - λ at the other one: float32 [N, classes]. */
function mixed(b: GraphBuilder, labels: Value, { otherLabels, share }: Mix, classes: number): Value {
  const column = b.reshape(share, [labels.shape[0]!, 1]);
  const [first, second] = [oneHot(b, labels, classes), oneHot(b, otherLabels, classes)];
  return b.add(second, b.mul(b.sub(first, second), column));
}

/** How many pictures of the batch have their largest logit at the label, float32 scalar. */
export function correctCount(b: GraphBuilder, logits: Value, labels: Value): Value {
  return b.reduceSum(correctEach(b, logits, labels), { axes: [0] });
}

/** 1 for each picture that has its largest logit at the label, else 0: float32 [N]. */
export function correctEach(b: GraphBuilder, logits: Value, labels: Value): Value {
  const predicted = b.cast(b.op("ArgMax", [logits], { axis: 1, keepdims: 0 })[0]!, "int32");
  return b.cast(b.equal(predicted, labels), "float32");
}

function oneHot(b: GraphBuilder, labels: Value, classes: number): Value {
  const indices = b.constant(
    Int32Array.from({ length: classes }, (_, i) => i),
    "int32",
    [1, classes],
    "classes",
  );
  return b.cast(b.equal(b.reshape(labels, [labels.shape[0]!, 1]), indices), "float32");
}
