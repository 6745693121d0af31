import { InvalidArgumentError } from "commander";
import { openUnlabelled } from "../data/index.js";
import { RequestError } from "../errors.js";
import { joinLabels, type LabelFile, labelInto, readColumns } from "../train/index.js";
import * as cli from "./options.js";
import { table } from "./table.js";

interface Options extends cli.EngineOptions, cli.PreprocessingOptions {
  readonly unlabelled?: string;
  readonly out: string;
  readonly threshold: number;
  readonly shard?: readonly [number, number];
  readonly join?: readonly string[];
}

/** Which part of how many, such as 1/4. */
function shard(text: string): [number, number] {
  const [, part, of] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  if (Number(part) >= 1 && Number(part) <= Number(of)) return [Number(part), Number(of)];
  throw new InvalidArgumentError("Give a part and how many there are, such as 1/4.");
}

const base = cli.command("label", "Label pictures by a teacher, for students to learn from (Noisy Student).", [
  "fixres label models/b0 --unlabelled pictures/others --out labels.parquet",
  "fixres label models/b0 --unlabelled pictures/others --shard 1/2 --out part-1.parquet",
  "fixres label --join part-1.parquet part-2.parquet --out labels.parquet",
]);

export const labelCommand = cli
  .withPreprocessing(cli.withEngine(base))
  .argument("[teacher]", cli.MODEL)
  .option("--unlabelled <path>", "pictures without labels: a folder of any depth, tars, Parquet (docs/DATA.md)")
  .requiredOption("--out <file>", "Parquet file of the labels; one that was begun goes on")
  .option("--shard <i/n>", "label but one part of so many, to be joined", shard)
  .option("--join <files...>", "join files of parts in place of labelling")
  .option("--threshold <p>", "probability that is asked for in the summary; all pictures stay", cli.fraction, 0.3)
  .action(async (teacher: string | undefined, options: Options) => {
    const file = options.join === undefined ? await labelledBy(teacher, options) : await joined(teacher, options);
    const found = await summaryOf(file, options.threshold);
    cli.print(options.json, found, () => text(found, file, options));
  });

async function labelledBy(name: string | undefined, options: Options): Promise<LabelFile> {
  const { unlabelled, out, shard: [part, of] = [1, 1], device, threads, batchSize, onBadImage } = options;
  if (name === undefined) throw new RequestError("there is no teacher; give a model, or files to --join.");
  if (unlabelled === undefined) throw new RequestError("there are no pictures to label; give --unlabelled.");
  const { progress, signal } = cli.surroundings();
  const model = await cli.openModel(name, options, progress);
  const source = await openUnlabelled(unlabelled);
  source.notes.forEach(progress.note);
  const preprocessing = cli.resolvedPreprocessing(model, options, progress);
  const { length } = source.samples;
  if (of > length) throw new RequestError(`there are ${of} parts of ${length} pictures; give at most as many.`);
  return labelInto(out, name, model, source, {
    range: [Math.floor(((part - 1) * length) / of), Math.floor((part * length) / of)],
    ...{ preprocessing, device, threads, batchSize, onBadImage, signal, progress },
  });
}

function joined(teacher: string | undefined, { join = [], unlabelled, shard, out }: Options): Promise<LabelFile> {
  if (teacher !== undefined || unlabelled !== undefined || shard !== undefined)
    throw new RequestError("--join labels nothing; leave out the teacher, --unlabelled and --shard.");
  return joinLabels(join, out);
}

interface Summary {
  readonly file: string;
  /** Pictures that have labels. */
  readonly n: number;
  readonly bad: LabelFile["bad"];
  readonly threshold: number;
  /** Pictures whose likeliest class has a probability above the threshold, in all and by class. */
  readonly passed: number;
  readonly classes: Readonly<Record<string, number>>;
  readonly teacher: string;
}

async function summaryOf(file: LabelFile, threshold: number): Promise<Summary> {
  const { label, confidence } = await readColumns(file);
  const counts = file.head.classes.map(() => 0);
  for (const [row, own] of label.entries()) if (confidence[row]! > threshold) counts[own]!++;
  return {
    file: file.path,
    n: file.n,
    bad: file.bad,
    threshold,
    passed: counts.reduce((a, b) => a + b, 0),
    classes: Object.fromEntries(file.head.classes.map((name, c) => [name, counts[c]!])),
    teacher: file.head.model.fingerprint,
  };
}

/** Classes that the text names. */
const SHOWN = 20;

function text({ n, passed, threshold, classes, file }: Summary, { bad }: LabelFile, { onBadImage }: Options): string {
  const rows = Object.entries(classes).sort(([, a], [, b]) => b - a);
  const more = rows.length > SHOWN ? `\nand ${rows.length - SHOWN} more classes` : "";
  return [
    table(
      ["class", `above ${threshold}`],
      rows.slice(0, SHOWN).map(([name, count]) => [name, String(count)]),
    ) + more,
    `${passed} of ${n} pictures are above ${threshold}; all labels are in ${file}${cli.badPictures(bad, onBadImage)}`,
  ].join("\n");
}
