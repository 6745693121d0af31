import { averageModels, loadModel, saveModel } from "../models/index.js";
import { command, print } from "./options.js";

export const averageCommand = command("average", "Average the weights and running statistics of models.", [
  "fixres average runs/b0/epochs/0028 runs/b0/epochs/0029 runs/b0/epochs/0030 --out models/b0-mean",
])
  .argument("<models...>", "model directories of one architecture with the same classes")
  .requiredOption("--out <dir>", "model directory to write")
  .action(async (paths: string[], { out, json }: { readonly out: string; readonly json?: boolean }) => {
    const models = await Promise.all(paths.map(loadModel));
    await saveModel(out, averageModels(models, paths));
    print(json, { model: out, of: paths }, () => `the mean of ${paths.length} models is in ${out}`);
  });
