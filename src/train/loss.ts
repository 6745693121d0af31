import type { GraphBuilder, Value } from "../onnx/index.js";

/**
 * Mean cross-entropy with label smoothing: targets are (1 - s) at the label plus s / classes everywhere
 * (arXiv 1512.00567, section 7).
 * @param logits - float32 [N, classes]  @param labels - int32 [N]  @param smoothing - s, in [0, 1)
 * @returns a scalar
 */
export function crossEntropy(b: GraphBuilder, logits: Value, labels: Value, smoothing: number): Value {
  const perPicture = logLikelihoods(b, logits, labels, smoothing);
  return b.scale(b.reduceSum(perPicture, { axes: [0] }), -1 / logits.shape[0]!);
}

/** The same of each picture by itself, and negative: float32 [N]. */
export function logLikelihoods(b: GraphBuilder, logits: Value, labels: Value, smoothing: number): Value {
  const classes = logits.shape[1]!;
  const target = b.add(b.scale(oneHot(b, labels, classes), 1 - smoothing), b.scalar(smoothing / classes));
  return b.reduceSum(b.mul(target, b.logSoftmax(logits)), { axes: [1] });
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
