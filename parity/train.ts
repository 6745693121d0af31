import { gradients } from "fixres/autodiff";
import type { Network } from "fixres/models";
import { type GraphBuilder, parametersFor, type Value } from "fixres/onnx";
import { channelBlock, openSession } from "fixres/runtime";
import {
  adamw,
  crossEntropy,
  initialState,
  type Optimizer,
  rmsprop,
  type StepGraph,
  sgd,
  stepGraph,
} from "fixres/train";
import { z } from "zod";
import { picture } from "./fill.js";
import { build, goldenModel, runOnce, valuesOf } from "./networks.js";
import { type EntryResult, larger, maxError, norm, relativeError } from "./report.js";

const Tensor = z.object({ norm: z.number(), first3: z.array(z.number()) });
export type GoldenTensor = z.infer<typeof Tensor>;
export const GoldenTensors = z.record(z.string(), Tensor);

const Trajectory = z.object({ lr: z.number(), weight_decay: z.number(), losses: z.array(z.number()) });

export const Train = z.object({
  arch: z.string(),
  resolution: z.number().int().positive(),
  batch: z.number().int().positive(),
  labels: z.array(z.number().int()),
  label_smoothing: z.number(),
  loss: z.number(),
  grads: GoldenTensors,
  running_after_one_forward: GoldenTensors,
  input_grad: Tensor,
  sgd: Trajectory.extend({ momentum: z.number() }),
  rmsprop_tf: Trajectory.extend({ alpha: z.number(), eps: z.number(), momentum: z.number() }),
  adamw: Trajectory.extend({ betas: z.tuple([z.number(), z.number()]), eps: z.number() }),
});
type TrainGolden = z.infer<typeof Train>;

interface Built {
  readonly b: GraphBuilder;
  readonly x: Value;
  readonly labels: Value;
  readonly network: Network;
}

async function training({ arch, batch, resolution }: TrainGolden): Promise<Built> {
  const behaviour = { training: { batchStatistics: () => true, dropout: 0, dropPath: 0 } };
  const built = build(arch, batch, resolution, behaviour, await channelBlock());
  return { ...built, labels: built.b.input("labels", "int32", [batch]) };
}

/** The relative error of a norm, as a fraction of what is allowed: 1e-3 relative or 1e-5 absolute. */
export function normError(golden: GoldenTensor, ours: ArrayLike<number>): number {
  const value = norm(ours);
  return Math.abs(golden.norm - value) <= 1e-5 ? 0 : relativeError(golden.norm, value);
}

/** Errors of single elements are shown against the tensor's root mean square, so that one bound fits all tensors. */
const elementError = (golden: GoldenTensor, ours: ArrayLike<number>): number =>
  maxError(golden.first3, ours) <= 1e-5 ? 0 : (maxError(golden.first3, ours) * Math.sqrt(ours.length)) / golden.norm;

/** Compares named tensors, and fails where one is missing. */
export function worst(
  golden: Record<string, GoldenTensor>,
  ours: Record<string, Float32Array>,
  error: (g: GoldenTensor, o: ArrayLike<number>) => number,
): number {
  return Object.entries(golden).reduce(
    (sum, [name, tensor]) => larger(sum, ours[name] ? error(tensor, ours[name]) : Number.NaN),
    0,
  );
}

async function losses(
  golden: TrainGolden,
  optimizer: Optimizer,
  { lr, losses: wanted }: z.infer<typeof Trajectory>,
): Promise<number[]> {
  const { b, x, labels, network } = await training(golden);
  const weights = valuesOf(goldenModel(golden.arch));
  const step = stepGraph(b, network, [x], labels, weights, {
    optimizer,
    labelSmoothing: golden.label_smoothing,
    trainable: () => true,
  });
  return runSteps(
    step,
    optimizer,
    lr,
    wanted.length,
    { input: picture(golden.batch, golden.resolution), labels: Int32Array.from(golden.labels) },
    weights,
  );
}

/** The loss before each of some steps on the same batch. */
export async function runSteps(
  step: StepGraph,
  optimizer: Optimizer,
  lr: number,
  steps: number,
  batch: Record<string, Float32Array | Int32Array>,
  weights: (name: string) => Float32Array,
  after?: (state: Record<string, Float32Array>) => void,
): Promise<number[]> {
  const session = await openSession(step.program, { where: "here" });
  try {
    await session.setState(initialState(step, optimizer, weights));
    const found: number[] = [];
    for (let i = 1; i <= steps; i++) {
      const scalars = Object.entries(optimizer.scalars(i, lr)).map(([name, value]) => [
        `step/${name}`,
        Float32Array.of(value),
      ]);
      const { loss } = await session.run({ ...batch, ...Object.fromEntries(scalars) });
      found.push(Number(loss![0]));
    }
    after?.((await session.getState()) as Record<string, Float32Array>);
    return found;
  } finally {
    await session.dispose();
  }
}

const worstRelative = (golden: readonly number[], ours: readonly number[]): number =>
  golden.reduce((sum, g, i) => larger(sum, relativeError(g, ours[i]!)), 0);

/** Train mode: loss, gradients of parameters and input, running statistics, and four losses under each optimizer. */
export async function* checkTrain(golden: TrainGolden): AsyncGenerator<EntryResult> {
  const { arch, resolution, batch } = golden;
  const entry = `train ${arch} ${resolution}`;
  const { b, x, labels, network } = await training(golden);
  const loss = crossEntropy(b, network.logits, labels, golden.label_smoothing);
  const parameters = parametersFor([loss]).filter(({ name }) => !name.includes("running_"));
  const values = [...parameters, x];
  const grads = gradients(b, loss, values);
  const outputs = Object.fromEntries(grads.map((g, i) => [`d ${values[i]!.name}`, g]));
  const out = await runOnce(
    { name: arch, inputs: [x, labels], outputs: { loss, ...outputs } },
    { input: picture(batch, resolution), labels: Int32Array.from(golden.labels) },
  );
  const ours = Object.fromEntries(parameters.map(({ name }) => [name, out[`d ${name}`]!]));
  yield {
    entry: `${entry} gradients`,
    checks: [
      { what: "loss", error: relativeError(golden.loss, out.loss![0]!), allowed: 1e-5 },
      { what: "parameters", error: Math.abs(Object.keys(golden.grads).length - parameters.length), allowed: 0 },
      { what: "norms", error: worst(golden.grads, ours, normError), allowed: 1e-3 },
      { what: "elements", error: worst(golden.grads, ours, elementError), allowed: 1e-2 },
      { what: "input norm", error: normError(golden.input_grad, out["d input"]!), allowed: 1e-3 },
    ],
  };

  // A learning rate of zero leaves the parameters and shows what one forward pass does to the running statistics.
  const still = sgd();
  const forward = await training(golden);
  const weights = valuesOf(goldenModel(arch));
  const step = stepGraph(forward.b, forward.network, [forward.x], forward.labels, weights, {
    optimizer: still,
    labelSmoothing: 0,
    trainable: () => true,
  });
  let state: Record<string, Float32Array> = {};
  const feeds = { input: picture(batch, resolution), labels: Int32Array.from(golden.labels) };
  await runSteps(step, still, 0, 1, feeds, weights, (s) => {
    state = s;
  });
  yield {
    entry: `${entry} running statistics`,
    checks: [{ what: "norms", error: worst(golden.running_after_one_forward, state, normError), allowed: 1e-3 }],
  };

  const { sgd: s, rmsprop_tf: r, adamw: a } = golden;
  const runs = [
    ["sgd", s, sgd({ momentum: s.momentum, weightDecay: s.weight_decay })],
    ["rmsprop_tf", r, rmsprop({ momentum: r.momentum, weightDecay: r.weight_decay, decay: r.alpha, epsilon: r.eps })],
    ["adamw", a, adamw({ weightDecay: a.weight_decay, betas: a.betas, epsilon: a.eps })],
  ] as const;
  for (const [name, wanted, optimizer] of runs) {
    const found = await losses(golden, optimizer, wanted);
    yield {
      entry: `${entry} ${name}`,
      checks: [{ what: "losses", error: worstRelative(wanted.losses, found), allowed: 1e-3 }],
    };
  }
}
