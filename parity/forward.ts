import { architecture, blocksOf } from "fixres/models";
import { elements, parametersFor } from "fixres/onnx";
import { z } from "zod";
import { picture } from "./fill.js";
import { build, runOnce } from "./networks.js";
import { type EntryResult, maxError } from "./report.js";

export const Forward = z.array(
  z.object({
    arch: z.string(),
    resolution: z.number().int().positive(),
    batch: z.number().int().positive(),
    params: z.number(),
    blocks: z.number(),
    features: z.number(),
    logits_first8: z.array(z.number()),
    logits_mean: z.number(),
    logits_std: z.number(),
    top5_index: z.array(z.number()),
    top5_value: z.array(z.number()),
    pooled_first8: z.array(z.number()),
  }),
);

/** Eval mode: counts, pooled features and logits. */
export async function* checkForward(entries: z.infer<typeof Forward>): AsyncGenerator<EntryResult> {
  for (const golden of entries) {
    const { arch, resolution, batch } = golden;
    const { x, network } = build(arch, batch, resolution);
    const { logits, pooled } = network;
    const trainable = parametersFor([logits]).filter(({ name }) => !name.includes("running_"));
    const params = trainable.reduce((sum, { shape }) => sum + elements(shape), 0);
    const out = await runOnce(
      { name: arch, inputs: [x], outputs: { logits, pooled } },
      { input: picture(batch, resolution) },
    );
    const first = out.logits!.subarray(0, logits.shape[1]!);
    const mean = first.reduce((sum, v) => sum + v, 0) / first.length;
    const std = Math.sqrt(first.reduce((sum, v) => sum + (v - mean) ** 2, 0) / first.length);
    const top5 = golden.top5_index.map((i) => first[i]!);
    yield {
      entry: `forward ${arch} ${resolution}`,
      checks: [
        { what: "params", error: Math.abs(params - golden.params), allowed: 0 },
        { what: "blocks", error: Math.abs(blocksOf(architecture(arch)).length - golden.blocks), allowed: 0 },
        { what: "features", error: Math.abs(pooled.shape[1]! - golden.features), allowed: 0 },
        {
          what: "logits",
          error: maxError([...golden.logits_first8, ...golden.top5_value], [...first.subarray(0, 8), ...top5]),
          allowed: 1e-4,
        },
        {
          what: "mean and deviation",
          error: maxError([golden.logits_mean, golden.logits_std], [mean, std]),
          allowed: 1e-4,
        },
        { what: "pooled", error: maxError(golden.pooled_first8, out.pooled!), allowed: 1e-4 },
      ],
    };
  }
}
