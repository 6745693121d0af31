import type { GraphBuilder, Shape, Value } from "../onnx/index.js";
import { type Architecture, type BlockSpec, blocksOf, headFeatures, stemChannels } from "./family.js";
import { type BatchStatistics, Layers, type Noise, type TrainingBehaviour } from "./layers.js";

/** A network in a graph: its interesting values, and what training must feed and keep. */
export interface Network {
  /** [N, classes], before softmax. */
  readonly logits: Value;
  /** [N, features], after global average pooling and before dropout. */
  readonly pooled: Value;
  /** [N, C, H, W], what enters the last 1x1 convolution: the end of the trunk that FixRes freezes. */
  readonly trunk: Value;
  readonly statistics: readonly BatchStatistics[];
  readonly noise: readonly Noise[];
}

export interface NetworkOptions {
  readonly classes: number;
  /** Inference unless given. */
  readonly training?: TrainingBehaviour;
  /** Where parameters come from by their names, for a network that stands in a graph twice; the builder's own unless given. */
  readonly parameter?: (name: string, shape: Shape) => Value;
}

/**
 * EfficientNet (arXiv 1905.11946) with timm's parameter names: stem, blocks, 1x1 head, pooling, classifier.
 * @param x - normalised pictures, float32 [N, 3, H, W]; H and W are built into the graph
 */
export function efficientnet(
  b: GraphBuilder,
  x: Value,
  arch: Architecture,
  { classes, training, parameter }: NetworkOptions,
): Network {
  const layers = new Layers(b, arch, training ?? null, parameter);
  const blocks = blocksOf(arch);
  let y = b.scope("stem", () =>
    layers.activation(layers.norm(layers.conv(x, "conv_stem", stemChannels(arch), 3, { stride: 2 }), "bn1")),
  );
  blocks.forEach((block, i) => {
    const { dropPath: last = 0, skips = () => true } = training ?? {};
    const dropPath = skips(block.name) ? (last * i) / blocks.length : 0;
    y = b.scope(block.name, () => mbconv(layers, y, block, dropPath));
  });
  return { ...fromTrunk(layers, y, classes), trunk: y };
}

function fromTrunk(layers: Layers, trunk: Value, classes: number): Omit<Network, "trunk"> {
  const { b, statistics, noise } = layers;
  const features = headFeatures(layers.arch);
  const pooled = b.scope("head", () => {
    const head = layers.activation(layers.pointwiseNorm(trunk, "conv_head", features, "bn2"));
    return b.op("Flatten", [b.globalAveragePool(head)], { axis: 1 })[0]!;
  });
  return { logits: classifier(layers, pooled, classes), pooled, statistics, noise };
}

function classifier(layers: Layers, pooled: Value, classes: number): Value {
  const { b, training } = layers;
  const features = pooled.shape[1]!;
  const weight = layers.parameter("classifier.weight", [classes, features]);
  const kept = layers.drop(pooled, "dropout", training?.dropout ?? 0, pooled.shape);
  return b.gemm(kept, weight, layers.parameter("classifier.bias", [classes]), { transB: true });
}

/**
 * The mobile inverted bottleneck: 1x1 expansion, depthwise convolution, squeeze-excite, 1x1 projection, and a residual
 * where shapes agree. Without expansion the first 1x1 is absent, and timm then names the projection `conv_pw`.
 */
function mbconv(layers: Layers, x: Value, block: BlockSpec, dropPath: number): Value {
  const { b } = layers;
  const { name, expansion, kernel, stride, inChannels, outChannels } = block;
  const expanded = inChannels * expansion;
  const [depthwiseNorm, projection, projectionNorm] =
    expansion === 1 ? ["bn1", "conv_pw", "bn2"] : ["bn2", "conv_pwl", "bn3"];
  let y = x;
  if (expansion !== 1) y = layers.activation(layers.pointwiseNorm(y, `${name}.conv_pw`, expanded, `${name}.bn1`));
  y = layers.conv(y, `${name}.conv_dw`, expanded, kernel, { stride, depthwise: true });
  y = layers.activation(layers.norm(y, `${name}.${depthwiseNorm}`));
  if (!layers.arch.lite) y = layers.squeezeExcite(y, `${name}.se`, Math.round(inChannels / 4));
  y = layers.norm(layers.conv(y, `${name}.${projection}`, outChannels, 1), `${name}.${projectionNorm}`);
  if (stride !== 1 || inChannels !== outChannels) return y;
  return b.add(layers.drop(y, `${name}.drop_path`, dropPath, [x.shape[0]!, 1, 1, 1]), x);
}
