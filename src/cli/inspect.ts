import { type Inspection, inspectModel, loadModel } from "../models/index.js";
import * as cli from "./options.js";

export const inspectCommand = cli
  .command(
    "inspect",
    "Say what a classifier is made of: its input, its last layers, and whether its resolution can change.",
    ["fixres inspect resnet50.onnx", "fixres inspect models/b0 --json"],
  )
  .argument("<model>", cli.MODEL)
  .action(async (path: string, { json }: { json?: boolean }) => {
    const found = inspectModel(await loadModel(path));
    cli.print(json, { model: path, ...found }, () => lines(found).join("\n"));
  });

function lines(found: Inspection): string[] {
  const { input, normalization, pooling, classifier, batchNorm, resolution, batch } = found;
  const size = (side: number | null): string => (side === null ? "any size" : `${side} px`);
  return [
    `${found.name}: ${(found.parameters / 1e6).toFixed(2)} M parameters, ${(found.macs / 1e9).toFixed(3)} G multiply-adds a picture`,
    `input        "${input.name}", ${input.type} ${input.layout}, ${size(input.resolution)}, ${input.batch ?? "any number of"} pictures at a time`,
    `normalised   ${normalization === null ? "outside: give --mean and --std where they are not ImageNet's" : `inside (${normalization.summary}), from ${normalization.range}: nothing may be normalised before`}`,
    `pooling      ${pooling === null ? "none found" : `${pooling.op} "${pooling.node}"`}`,
    `classifier   ${classifier.op} "${classifier.node}", ${classifier.features} features to ${found.classes} classes (${classifier.tensors.join(", ")})`,
    `BatchNorm    ${batchNormLine(batchNorm)}`,
    ...(resolution.flexible
      ? [`resolution   can change (${resolution.tried.map((one) => one.resolution).join(", ")} px were tried)`]
      : resolution.tried.map(({ resolution: side, fault }) => `resolution   ${side} px: ${fault ?? "can be had"}`)),
    `batch        ${batch.flexible ? "can change" : `is fixed: ${batch.fault}`}`,
    ...found.notes.map((note) => `note         ${note}`),
  ];
}

function batchNormLine(norm: Inspection["batchNorm"]): string {
  if (norm === null) return "none before the classifier: tune the classifier alone (--tune classifier)";
  const where = `${norm.op} "${norm.node}", ${norm.channels} channels`;
  return norm.folded ? `folded into ${where}; a fresh one is put behind it where it is tuned` : where;
}
