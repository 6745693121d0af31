import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { readJson } from "../files.js";
import type { InputSpec } from "./directory.js";

const Channels = z.array(z.number()).length(3);

/** `config.json` as timm's models have it on the hub, beside their weights. */
const Config = z.looseObject({
  architecture: z.string(),
  label_names: z.array(z.string()).optional(),
  pretrained_cfg: z
    .looseObject({
      input_size: z.tuple([z.number(), z.number(), z.number()]),
      crop_pct: z.number().positive(),
      interpolation: z.string(),
      crop_mode: z.enum(["center", "squash", "border"]),
      mean: Channels,
      std: Channels,
    })
    .partial(),
});

/** What a file beside the weights says of them. */
export interface PretrainedConfig {
  readonly architecture: string;
  readonly input: Partial<InputSpec>;
  readonly classes: readonly string[] | undefined;
}

/**
 * Reads the `config.json` beside a weight file, or in a folder of weights, or gives null where there is none.
 * @throws {DataError} where it is not timm's
 */
export async function pretrainedConfig(weights: string): Promise<PretrainedConfig | null> {
  const isFolder = (await stat(weights).catch(() => null))?.isDirectory() === true;
  const path = join(isFolder ? weights : dirname(weights), "config.json");
  if ((await stat(path).catch(() => null)) === null) return null;
  const { architecture, label_names, pretrained_cfg: given } = await readJson(path, Config, "configuration");
  const input: Partial<InputSpec> = {
    resolution: given.input_size?.[1],
    cropRatio: given.crop_pct,
    interpolation: given.interpolation,
    cropMode: given.crop_mode,
    mean: given.mean,
    std: given.std,
  };
  const known = Object.entries(input).filter(([, value]) => value !== undefined);
  return { architecture, input: Object.fromEntries(known), classes: label_names };
}
