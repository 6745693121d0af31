import { Command, InvalidArgumentError, Option } from "commander";
import {
  type BadPicture,
  CROP_MODES,
  FILTERS,
  ON_BAD_IMAGE,
  type OnBadImage,
  openSplit,
  type Source,
  type TestPreprocessing,
  TRANSFORMS,
} from "../data/index.js";
import { RequestError } from "../errors.js";
import { describePreprocessing, testPreprocessing } from "../evaluate/index.js";
import { expectedClasses, loadModel, type Model } from "../models/index.js";
import type { Progress } from "../progress.js";
import { DEVICES, type Device } from "../runtime/index.js";
import { stderrProgress } from "./progress.js";

export { interval, percent, points, pValue, rate } from "../format.js";

/** A number from the command line, with what it must be; commander adds the option's name. */
function numeric(what: string, valid: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !valid(value)) throw new InvalidArgumentError(`Give ${what}.`);
    return value;
  };
}

export const positiveInteger = numeric("a whole number of 1 or more", (n) => Number.isInteger(n) && n >= 1);
export const integer = numeric("a whole number", Number.isInteger);
export const nonNegativeInteger = numeric("a whole number of 0 or more", (n) => Number.isInteger(n) && n >= 0);
export const positiveNumber = numeric("a number above 0", (n) => n > 0 && Number.isFinite(n));
export const nonNegativeNumber = numeric("a number of 0 or more", (n) => n >= 0 && Number.isFinite(n));
export const number = numeric("a number", Number.isFinite);
export const fraction = numeric("a number from 0 to below 1", (n) => n >= 0 && n < 1);

/** Comma-separated whole numbers. */
export const integers = (text: string): number[] => text.split(",").map(positiveInteger);

/** Options of every command that computes. */
export interface EngineOptions {
  readonly device?: Device;
  readonly threads?: number;
  readonly batchSize?: number;
  readonly onBadImage: OnBadImage;
  readonly json?: boolean;
}

/** A command with `--json`; `examples` stand at the end of its help. */
export function command(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print one JSON object and nothing else on stdout")
    .option("--debug", "show a stack trace where something fails")
    .addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}

/** Options of every command that tests on labelled pictures. */
export interface DataOptions {
  readonly data: string;
  readonly labels?: string;
  readonly classMap?: string;
  readonly labelOffset?: number;
  readonly validLabels?: string;
}

/** `--data` and what says which labels and classes it has. @param parts - whether it needs a part for training too */
export function withData(to: Command, { parts = false } = {}): Command {
  const data = parts ? "directory with train/ and val/" : "directory with val/, or the test's pictures alone";
  const command = to
    .requiredOption("--data <path>", `${data}: folders a class, tars, Parquet, ... (docs/DATA.md)`)
    .option("--labels <file>", "labels of pictures that lie in no class folders: CSV, or lines of name and label")
    .option("--class-map <file>", "the data's class names in the order of the model's outputs, a line each")
    .option("--label-offset <n>", "what to add to a label number to give the model's output", integer);
  return parts ? command : command.option("--valid-labels <file>", "classes that alone count and compete, a line each");
}

/** The validation pictures of `--data`, with what the user should know of them. */
export async function openTest(options: DataOptions, model: Model, progress: Progress): Promise<Source> {
  const source = await openSplit(options.data, "val", { ...options, classes: expectedClasses(model), subset: true });
  source.notes.forEach(progress.note);
  return source;
}

export function withEngine(to: Command): Command {
  return to
    .addOption(new Option("--device <name>", "where to compute").choices(DEVICES).default("cpu"))
    .option("--threads <n>", "threads of the engine (default: one a core)", positiveInteger)
    .option("--batch-size <n>", "pictures at a time", positiveInteger)
    .addOption(
      new Option(
        "--on-bad-image <action>",
        "an unreadable picture ends the run (fail, stop), is left out (skip), or left out and listed (record)",
      )
        .choices(ON_BAD_IMAGE)
        .default("fail"),
    );
}

/** What a command that trains on another device than the CPU may leave out. */
export const withSelfCheck = (to: Command): Command =>
  to.option("--no-self-check", "do not compare a first step on another device with the CPU's");

/** The preprocessing options, each of which goes before what the model says. */
export interface PreprocessingOptions extends Partial<Omit<TestPreprocessing, "mean">> {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** What a MODEL argument may be, for helps. */
export const MODEL = "model directory, or an ONNX classifier";

/** A number a channel, of 0 to 1, or above 0 where it divides. */
const channels =
  (divides: boolean) =>
  (text: string): number[] => {
    const values = text.split(",").map(Number);
    if (values.length === 3 && values.every((value) => value <= 1 && (divides ? value > 0 : value >= 0))) return values;
    throw new InvalidArgumentError(
      `Give three numbers ${divides ? "above 0 and up to" : "from 0 to"} 1, such as 0.5,0.5,0.5.`,
    );
  };

/** A model as a command takes it: what had to be assumed is said aloud, and options go before what it says. */
export async function openModel(path: string, { mean, std }: PreprocessingOptions, progress: Progress): Promise<Model> {
  const model = await loadModel(path);
  // What was assumed is no news where an option says otherwise.
  for (const note of model.notes ?? []) if (!(mean && std && note.includes("--mean"))) progress.note(note);
  return { ...model, input: { ...model.input, mean: mean ?? model.input.mean, std: std ?? model.input.std } };
}

/** Whether pictures are turned, which an option may say either way. */
export const withExifOrientation = (to: Command): Command =>
  to
    .option("--exif-orientation", "turn pictures as their EXIF block says (default: the model's)")
    .option("--no-exif-orientation", "leave pictures as they are stored");

export function withPreprocessing(to: Command): Command {
  return withExifOrientation(to)
    .option("--resolution <px>", "test resolution (default: the model's)", positiveInteger)
    .option("--crop-ratio <c>", "crop's side over the resized shorter side (default: the model's)", positiveNumber)
    .addOption(new Option("--interpolation <filter>", "resampling filter (default: the model's)").choices(FILTERS))
    .addOption(
      new Option("--crop-mode <mode>", "how a rectangle becomes a square (default: the model's)").choices(CROP_MODES),
    )
    .addOption(
      new Option("--transform <name>", "whose resize: fixres-official sets the height (default: the model's)").choices(
        TRANSFORMS,
      ),
    )
    .addOption(
      new Option("--mean <r,g,b>", "means of the channels, 0 to 1 (default: the model's)").argParser(channels(false)),
    )
    .addOption(
      new Option("--std <r,g,b>", "their standard deviations, 0 to 1 (default: the model's)").argParser(channels(true)),
    );
}

/**
 * The preprocessing in force, which is said aloud.
 * @param tuning - whether the model will be tuned with it, and not tested alone
 */
export function resolvedPreprocessing(
  model: Model,
  { resolution, cropRatio, interpolation, cropMode, transform, exifOrientation }: PreprocessingOptions,
  progress: Progress,
  { tuning = false } = {},
): TestPreprocessing {
  const asked = { resolution, cropRatio, interpolation, cropMode, transform, exifOrientation };
  const preprocessing = testPreprocessing(model.input, asked);
  const own = model.input.transform ?? "standard";
  if (!tuning && model.provenance.at(-1)?.what === "tuned" && preprocessing.transform !== own) {
    throw new RequestError(
      `the model was tuned with the transform ${own}, and a test with ${preprocessing.transform} would mix the two; leave out --transform, or tune it again.`,
    );
  }
  sayPreprocessing({ input: { ...model.input, ...preprocessing } }, progress);
  return preprocessing;
}

export function sayPreprocessing({ input }: Pick<Model, "input">, progress: Progress): void {
  progress.note(`preprocessing: ${describePreprocessing(input, input)}`);
}

/** Progress on stderr, and a signal that Ctrl-C sets. */
export function surroundings(): { progress: Progress; signal: AbortSignal } {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort(new Error("stopped by Ctrl-C")));
  process.once("SIGTERM", () => controller.abort(new Error("stopped by SIGTERM")));
  return { progress: stderrProgress(), signal: controller.signal };
}

/** Prints a result: the object under `--json`, else text for people. */
export function print(json: boolean | undefined, result: unknown, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text()}\n`);
}

/** What was left out, for the end of a report: each with its reason where it is to be recorded. */
export function badPictures(bad: readonly BadPicture[], onBadImage: OnBadImage): string {
  if (bad.length === 0) return "";
  const said = `\n${bad.length} pictures could not be read and are left out`;
  if (onBadImage !== "record") return `${said}, such as ${bad[0]!.name}`;
  return [`${said}:`, ...bad.map(({ name, reason }) => `${name}: ${reason}`)].join("\n  ");
}
