import type { Network, TrainingBehaviour } from "../../models/index.js";
import type { GraphBuilder, Value } from "../../onnx/index.js";
import type { StepNoise } from "../noise.js";
import { type Attack, attacked } from "./attack.js";

/** What a step learns from besides its own pictures: a network of the same weights under other BatchNorms. */
export interface AuxiliaryPass extends Pick<Network, "logits" | "statistics" | "parts"> {
  readonly noise: readonly StepNoise[];
  /** Its pictures, float32 [N, 3, H, W], 0..255. */
  readonly pictures: Value;
}

export interface PassOptions {
  readonly attack: Attack;
  /** How the network behaves in training. */
  readonly training: TrainingBehaviour;
  /** The network of auxiliary BatchNorms. @param x - pictures, float32 [N, 3, H, W], 0..255 */
  readonly network: (x: Value, behaviour: TrainingBehaviour) => Network;
  readonly loss: (logits: Value) => Value;
  /** Parts whose activations the attack does not keep for its gradients; none unless given. */
  readonly recompute?: (part: string) => boolean;
}

/**
 * AdvProp's second half (arXiv 1911.09665, algorithm 1): adversarial pictures, made by the auxiliary BatchNorms, and what the network makes
 * of them by these. As in the authors' earlier code for adversarial training (facebookresearch/ImageNet-Adversarial-Training,
 * adv_model.py) the attack takes the network as a test does: BatchNorm by its running statistics, which the attack does not move, and
 * neither dropout nor drop path. The pass that is learned from is one of training, with dropout and drop path of its own.
 * @param x - pictures, float32 [N, 3, H, W], 0..255
 */
export function adversarialPass(
  b: GraphBuilder,
  x: Value,
  { attack, training, network, loss, recompute = () => false }: PassOptions,
): AuxiliaryPass {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const start = b.input("noise/start", "uint8", [n, height, width, channels]);
  const tested: TrainingBehaviour = {
    ...training,
    batchStatistics: () => false,
    dropout: 0,
    dropPath: 0,
    folded: true,
    // Nothing scales its loss, and in float16 gradients without a scale would vanish before their signs are taken.
    precision: "float32",
  };
  const lossOf = (moved: Value) => {
    const { logits, parts } = network(moved, tested);
    return { value: loss(logits), recomputed: parts.filter(({ name }) => recompute(name)) };
  };
  const pictures = b.scope("attack", () => attacked(b, x, b.transpose(start, [0, 3, 1, 2]), attack, lossOf));
  const { logits, statistics, parts, noise } = b.scope("adversarial", () => network(pictures, training));
  return { logits, statistics, parts, noise: [...noise, { input: start, keep: null }], pictures };
}
