import { openSplit } from "../data/index.js";
import { readRealLabels, scoreFile } from "../evaluate/index.js";
import { evaluationText } from "./evaluation-text.js";
import * as cli from "./options.js";

interface Options {
  readonly softmax: string;
  readonly labels?: string;
  readonly data?: string;
  readonly names?: string;
  readonly real?: string;
  readonly logits?: boolean;
  readonly perClass?: boolean;
  readonly json?: boolean;
}

const base = cli.command("score", "Score a file of softmax that was extracted before, without a network.", [
  "fixres score --softmax extracted/b0/softmax.npy --labels extracted/b0/labels.npy",
  "fixres score --softmax extracted/b0/softmax.npy --names extracted/b0/names.txt --real real.json",
  "fixres score --softmax ResNet50_softmax.npy --data imagenet",
]);

export const scoreCommand = base
  .requiredOption("--softmax <file>", "probabilities as .npy, [pictures, classes]")
  .option("--labels <file>", "the class of each row as .npy")
  .option("--data <dir>", "directory with val/, a folder a class: the pictures in the order of the rows")
  .option("--names <file>", "names of the pictures, a line a row, for --real")
  .option("--real <file>", "score by ReaL labels: the JSON of google-research/reassessed-imagenet")
  .option("--logits", "the file holds logits, not probabilities")
  .option("--per-class", "print precision, recall and F1 of each class (--json always has them)")
  .action(async ({ softmax, labels, data, names, real, logits, perClass, json }: Options) => {
    const { progress } = cli.surroundings();
    const source = data === undefined ? undefined : await openSplit(data, "val");
    source?.notes.forEach(progress.note);
    const sets = real === undefined ? undefined : await readRealLabels(real);
    const found = await scoreFile(softmax, { labels, source, names, real: sets, logits });
    found.notes.forEach(progress.note);
    if (found.leftOut > 0) progress.note(`${found.leftOut} pictures have no ReaL label and are left out`);
    const under = real === undefined ? undefined : { file: real, leftOut: found.leftOut };
    const { leftOut: _, ...rest } = found;
    cli.print(json, { softmax, real: under, ...rest }, () =>
      evaluationText(found, `${found.n} pictures${real === undefined ? "" : " under ReaL labels"}`, perClass),
    );
  });
