import type { EfficientNet } from "fixres/models";
import { openSession } from "fixres/runtime";
import { sgd, slotName } from "fixres/train";
import { divided, TUNE_MODES, topProgram, topStep } from "fixres/tune";
import { z } from "zod";
import { picture } from "./fill.js";
import { build, goldenModel, runOnce, valuesOf } from "./networks.js";
import { type EntryResult, larger, maxError, relativeError } from "./report.js";
import { GoldenTensors, normError, runSteps, worst } from "./train.js";

const Mode = z.object({
  losses: z.array(z.number()),
  first_step_grads: GoldenTensors,
  running_mean_first3: z.array(z.number()),
  running_var_first3: z.array(z.number()),
  eval_logits_first8: z.array(z.number()),
});

export const Fixres = z.object({
  arch: z.string(),
  resolution: z.number().int().positive(),
  batch: z.number().int().positive(),
  labels: z.array(z.number().int()),
  label_smoothing: z.number(),
  optimizer: z.object({ name: z.literal("sgd"), lr: z.number(), momentum: z.number(), weight_decay: z.number() }),
  modes: z.partialRecord(z.enum(Object.keys(TUNE_MODES) as [keyof typeof TUNE_MODES]), Mode),
});
type FixresGolden = z.infer<typeof Fixres>;

/** The trunk frozen in eval mode, SGD steps at the top: losses, first gradients, running statistics, final eval logits. */
export async function* checkFixres(golden: FixresGolden): AsyncGenerator<EntryResult> {
  for (const [name, wanted] of Object.entries(golden.modes)) {
    yield {
      entry: `fixres ${golden.arch} ${golden.resolution} ${name}`,
      checks: await checkMode(golden, name as keyof typeof TUNE_MODES, wanted),
    };
  }
}

async function checkMode(golden: FixresGolden, name: keyof typeof TUNE_MODES, wanted: z.infer<typeof Mode>) {
  const { arch, resolution, batch, labels, label_smoothing, optimizer: o } = golden;
  const mode = TUNE_MODES[name];
  const model = goldenModel(arch);
  const { x, network } = build(arch, batch, resolution);
  const cut = mode.norm === "frozen" ? network.pooled : network.trunk;
  const trunk = { name: "trunk", inputs: [x], outputs: { features: cut } };
  const { features } = await runOnce(trunk, { input: picture(batch, resolution) });
  const division = divided(model, mode, { resolution, batch });

  const optimizer = sgd({ momentum: o.momentum, weightDecay: o.weight_decay });
  const step = topStep(division, model, { optimizer, labelSmoothing: label_smoothing });
  const weights = valuesOf(model);
  const feeds = { features: features!, labels: Int32Array.from(labels) };
  const states: Record<string, Float32Array>[] = [];
  const keep = (state: Record<string, Float32Array>): void => {
    states.push(state);
  };
  await runSteps(step, optimizer, o.lr, 1, feeds, weights, keep);
  const losses = await runSteps(step, optimizer, o.lr, wanted.losses.length, feeds, weights, keep);
  const [first, last] = states as [Record<string, Float32Array>, Record<string, Float32Array>];
  // After one step the momentum holds the gradient and the weight decay.
  const grads = Object.fromEntries(
    step.trained.map((parameter) => {
      const start = weights(parameter);
      return [parameter, first[slotName(parameter, "momentum")]!.map((v, i) => v - o.weight_decay * start[i]!)];
    }),
  );
  const tuned: EfficientNet = {
    ...model,
    tensors: new Map([...model.tensors].map(([key, tensor]) => [key, { ...tensor, data: last[key] ?? tensor.data }])),
  };
  const session = await openSession(topProgram(division, tuned), { where: "here" });
  const { logits } = await session.run({ features: features! });
  await session.dispose();
  const statistic = (leaf: string): Float32Array => valuesOf(tuned)(`bn2.${leaf}`);
  return [
    {
      what: "losses",
      error: wanted.losses.reduce((sum, g, i) => larger(sum, relativeError(g, losses[i]!)), 0),
      allowed: 1e-5,
    },
    { what: "trained", error: Math.abs(Object.keys(wanted.first_step_grads).length - step.trained.length), allowed: 0 },
    { what: "gradients", error: worst(wanted.first_step_grads, grads, normError), allowed: 1e-3 },
    { what: "running mean", error: maxError(wanted.running_mean_first3, statistic("running_mean")), allowed: 1e-4 },
    { what: "running variance", error: maxError(wanted.running_var_first3, statistic("running_var")), allowed: 1e-4 },
    { what: "eval logits", error: maxError(wanted.eval_logits_first8, logits as Float32Array), allowed: 1e-4 },
  ];
}
