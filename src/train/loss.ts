import type { GraphBuilder, Value } from "../onnx/index.js";

/**
 * Mean cross-entropy with label smoothing: targets are (1 - s) at the label plus s / classes everywhere
 * (arXiv 1512.00567, section 7).
 * @param logits - float32 [N, classes]  @param labels - int32 [N]  @param smoothing - s, in [0, 1)
 * @returns a scalar
 */
export function crossEntropy(b: GraphBuilder, logits: Value, labels: Value, smoothing: number): Value {
  const [batch, classes] = logits.shape as [number, number];
  const target = b.add(b.scale(oneHot(b, labels, classes), 1 - smoothing), b.scalar(smoothing / classes));
  const perPicture = b.reduceSum(b.mul(target, b.logSoftmax(logits)), { axes: [1] });
  return b.scale(b.reduceSum(perPicture, { axes: [0] }), -1 / batch);
}

/** How many pictures of the batch have their largest logit at the label, float32 scalar. */
export function correctCount(b: GraphBuilder, logits: Value, labels: Value): Value {
  const predicted = b.cast(b.op("ArgMax", [logits], { axis: 1, keepdims: 0 })[0]!, "int32");
  return b.reduceSum(b.cast(b.equal(predicted, labels), "float32"), { axes: [0] });
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
