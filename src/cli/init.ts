import { architecture, freshModel, saveModel } from "../models/index.js";
import { command, nonNegativeInteger, positiveInteger, positiveNumber, print } from "./options.js";

interface Options {
  readonly classes: number;
  readonly seed: number;
  readonly out: string;
  readonly width?: number;
  readonly depth?: number;
  readonly json?: boolean;
}

export const init = command("init", "Make a fresh model with the reference initialisation.", [
  "fixres init efficientnet_b0 --classes 10 --out models/b0",
  "fixres init efficientnet_b0 --width 0.5 --depth 0.5 --classes 10 --seed 1 --out models/small",
])
  .argument("<arch>", "architecture, such as efficientnet_b0 or tf_efficientnet_b4 (see fixres models)")
  .requiredOption("--classes <n>", "number of classes", positiveInteger)
  .option("--seed <n>", "seed of the weights", nonNegativeInteger, 0)
  .requiredOption("--out <dir>", "model directory to write")
  .option("--width <factor>", "multiplier of channels instead of the architecture's", positiveNumber)
  .option("--depth <factor>", "multiplier of repeats instead of the architecture's", positiveNumber)
  .action(async (name: string, { classes, seed, out, width, depth, json }: Options) => {
    const names = Array.from({ length: classes }, (_, i) => String(i));
    await saveModel(out, freshModel(architecture(name, { width, depth }), names, seed));
    print(json, { model: out }, () => `${name} with ${classes} classes is in ${out}`);
  });
