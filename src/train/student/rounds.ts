import { join } from "node:path";
import { checkClasses, type Source, type Splits, shown, type TestPreprocessing } from "../../data/index.js";
import { RequestError } from "../../errors.js";
import { type EvaluateOptions, type Evaluation, evaluateInto, testPreprocessing } from "../../evaluate/index.js";
import { exists, makeFolder, writeFileAtomic } from "../../files.js";
import { percent } from "../../format.js";
import { type EfficientNet, expectedClasses, loadModel, type Model, parametersOfModel } from "../../models/index.js";
import { type Progress, silent } from "../../progress.js";
import { configOf, loadConfig, type RunConfig, saveConfig } from "../config.js";
import type { TrainOptions } from "../options.js";
import { checkRun, train } from "../run.js";
import type { TrainSurroundings } from "../surroundings.js";
import type { Choice } from "./choose.js";
import { contentsOfSource } from "./label.js";
import { type LabelFile, labelInto, openLabels, preprocessingOf } from "./label-file.js";
import { taughtBy } from "./taught.js";

export interface RoundsOptions {
  /** How often a student is trained; each but the last then teaches the next. */
  readonly rounds: number;
  /** The student of a round as it begins, and its options. @param round - from 1 */
  student(round: number): Promise<{ readonly model: EfficientNet; readonly options: TrainOptions }>;
  /** How the validation pictures are shown to a student. */
  readonly test: TestPreprocessing;
  /** Does the work of a round, maybe with its own progress, and keeps a record of it; the work alone unless given. */
  readonly recorded?: (
    round: RoundStart,
    work: (own: RoundSurroundings) => Promise<RoundResult>,
  ) => Promise<RoundResult>;
}

/** A round as it begins. */
export interface RoundStart {
  /** From 1. */
  readonly round: number;
  readonly directory: string;
  readonly model: EfficientNet;
  readonly options: TrainOptions;
}

/** What a round may have of its own. */
export type RoundSurroundings = Pick<TrainSurroundings, "progress" | "onEpoch">;

/** What there is to know of pseudo-labelled pictures. */
export interface TaughtSummary {
  readonly labels: string;
  /** Pictures that were labelled. */
  readonly labelled: number;
  readonly bad: number;
  /** Pictures of the validation among them, which were left out. */
  readonly leaked: readonly string[];
  readonly perClass: number;
  /** By class. */
  readonly classes: Readonly<Record<string, Choice["classes"][number]>>;
}

type Accuracy = Pick<Evaluation, "top1" | "top5" | "loss" | "n" | "ci95">;

export interface RoundResult {
  readonly round: number;
  readonly arch: string;
  readonly model: string;
  readonly taught: TaughtSummary;
  /** Of the model after the last epoch. */
  readonly val: Accuracy;
  /** Folder of the evaluation, for `fixres compare`. */
  readonly evaluation: string;
}

export interface RoundsResult {
  readonly run: string;
  /** The last student. */
  readonly model: string;
  /** Null where labels were given without their teacher. */
  readonly teacher: { readonly val: Accuracy; readonly evaluation: string } | null;
  readonly rounds: readonly RoundResult[];
  readonly seconds: number;
}

/**
 * Noisy Student (arXiv 1911.04252, algorithm 1): a teacher labels unlabelled pictures, a student learns by these and the labelled ones
 * under noise, and is the next teacher. Everything is left in a directory: `teacher/evaluation/`, and of each round
 * `round-N/pseudo-labels.parquet`, the run as `train` leaves it, and `round-N/evaluation/`. The same call goes on where it was stopped.
 * Pictures of the validation among the unlabelled ones are told of and left out. The teacher of the next round is the model after the
 * last epoch, not the best one: the validation chooses nothing.
 * @param first - the teacher, or a file of the labels that it has made, maybe on another machine
 * @throws {DataError} where the teacher's classes are not the data's, or no picture is labelled with confidence
 * @throws {RequestError} where the directory holds something else
 */
export async function trainStudents(
  data: Splits,
  unlabelled: Source,
  first: Model | string,
  options: RoundsOptions,
  surroundings: TrainSurroundings,
): Promise<RoundsResult> {
  const { directory, config } = surroundings;
  const started = performance.now();
  if (await exists(join(directory, "options.json")))
    throw new RequestError(`"${directory}" holds a run without a teacher; give another --out.`);
  if (typeof first !== "string") checkClasses(data.train, expectedClasses(first));
  // All of them, before the hours that labelling takes.
  for (let round = 1; round <= options.rounds; round++) {
    const student = await options.student(round);
    checkRun(student.model, data, student.options, surroundings);
  }
  await makeFolder(directory);
  if (config !== undefined && (await isGoneOnWith(directory, config))) await saveConfig(directory, config);
  const rounds = new Rounds(data, unlabelled, options, surroundings);
  const before = typeof first === "string" ? null : await rounds.beginWith(first);
  const results: RoundResult[] = [];
  let teacher: Model | null = typeof first === "string" ? null : first;
  for (let round = 1; round <= options.rounds; round++) {
    const labels = teacher === null ? await openLabels(first as string) : await rounds.labelBy(teacher, round);
    const result = await rounds.teach(labels, teacher, round);
    results.push(result);
    teacher = await loadModel(result.model);
  }
  await writeFileAtomic(join(directory, "rounds.json"), `${JSON.stringify(summary(before, results), null, 1)}\n`);
  const { model } = results.at(-1)!;
  return { run: directory, model, teacher: before, rounds: results, seconds: (performance.now() - started) / 1000 };
}

/** Whether a directory has no configuration, or one that asks for other rounds of the same: then `--resume` is to go on with these. */
async function isGoneOnWith(directory: string, config: RunConfig): Promise<boolean> {
  if (!(await exists(configOf(directory)))) return true;
  const but = ({ student, ...rest }: RunConfig): string =>
    JSON.stringify([Object.entries(rest).sort(), student?.teacher, student?.labelFile, student?.unlabelled]);
  return but(await loadConfig(configOf(directory))) === but(JSON.parse(JSON.stringify(config)) as RunConfig);
}

/** The parts of a round. */
class Rounds {
  private readonly progress: Progress;

  constructor(
    private readonly data: Splits,
    private readonly unlabelled: Source,
    private readonly options: RoundsOptions,
    private readonly surroundings: TrainSurroundings,
  ) {
    this.progress = surroundings.progress ?? silent;
  }

  /** The evaluation of the first teacher, as it is tested. */
  async beginWith(teacher: Model): Promise<NonNullable<RoundsResult["teacher"]>> {
    const { onBadImage } = (await this.options.student(1)).options;
    const preprocessing = testPreprocessing(teacher.input, {});
    return this.evaluated("teacher", teacher, { preprocessing, onBadImage });
  }

  async labelBy(teacher: Model, round: number): Promise<LabelFile> {
    const { onBadImage } = (await this.options.student(round)).options;
    const preprocessing = testPreprocessing(teacher.input, {});
    const path = join(this.directory(round), "pseudo-labels.parquet");
    // Not as the user calls it, which may differ from call to call.
    const name = round === 1 ? "teacher" : `round-${round - 1}`;
    return labelInto(path, name, teacher, this.unlabelled, { preprocessing, onBadImage, ...this.engine });
  }

  /** Trains and evaluates the student of a round. */
  async teach(labels: LabelFile, teacher: Model | null, round: number): Promise<RoundResult> {
    const { model, options } = await this.options.student(round);
    const { recorded = (_, work) => work({}) } = this.options;
    const start = { round, directory: this.directory(round), model, options };
    return recorded(start, (own) => this.taught(labels, teacher, start, own));
  }

  private async taught(
    labels: LabelFile,
    teacher: Model | null,
    { round, directory, model: student, options }: RoundStart,
    surroundings: RoundSurroundings,
  ): Promise<RoundResult> {
    const name = `round-${round}`;
    if (teacher !== null && parametersOfModel(student) < parametersOfModel(teacher))
      this.progress.note(`${name}: the student is smaller than its teacher; Noisy Student has it equal or larger`);
    const { train: own, val } = this.data;
    const { signal } = this.surroundings;
    const forbidden = await contentsOfSource(val, { preprocessing: preprocessingOf(labels), signal });
    const { taught, choice, leaked } = await taughtBy(labels, this.unlabelled, own.classes, options, forbidden);
    if (leaked.length > 0)
      this.progress.note(
        `${name}: ${leaked.length} unlabelled pictures are of the validation too, such as "${shown(leaked[0]!)}", and left out`,
      );
    this.progress.note(`${name}: ${described(choice, labels, options.threshold)}`);
    const data = { ...this.data, taught };
    const place = { ...this.surroundings, ...surroundings, directory, config: undefined };
    const { model } = await train(student, data, options, this.options.test, place);
    const { onBadImage } = options;
    const test = { preprocessing: this.options.test, onBadImage };
    return {
      round,
      arch: student.arch.name,
      model,
      taught: {
        labels: labels.path,
        labelled: labels.n,
        bad: labels.bad.length,
        leaked,
        perClass: choice.perClass,
        classes: Object.fromEntries(own.classes.map((label, c) => [label, choice.classes[c]!])),
      },
      ...(await this.evaluated(name, await loadModel(model), test)),
    };
  }

  private async evaluated(
    name: string,
    model: Model,
    how: Pick<EvaluateOptions, "preprocessing" | "onBadImage">,
  ): Promise<{ val: Accuracy; evaluation: string }> {
    const evaluation = join(this.surroundings.directory, name, "evaluation");
    const options = { ...how, ...this.engine, task: `${name}, validation` };
    const { top1, top5, loss, n, ci95 } = await evaluateInto(evaluation, name, model, this.data.val, options);
    this.progress.note(`${name}: top-1 ${percent(top1)}`);
    return { val: { top1, top5, loss, n, ci95 }, evaluation };
  }

  private directory(round: number): string {
    return join(this.surroundings.directory, `round-${round}`);
  }

  private get engine() {
    const { device, threads, signal } = this.surroundings;
    return { device, threads, signal, progress: this.progress };
  }
}

/** What `rounds.json` keeps: nothing that differs from folder to folder. */
const summary = (teacher: RoundsResult["teacher"], rounds: readonly RoundResult[]) => ({
  teacher: teacher?.val ?? null,
  rounds: rounds.map(({ round, arch, val, taught: { labels: _, ...taught } }) => ({ round, arch, val, taught })),
});

function described({ classes, rows, places, perClass }: Choice, { n }: LabelFile, threshold: number): string {
  const passed = classes.reduce((sum, own) => sum + own.passed, 0);
  const without = classes.filter((own) => own.passed === 0).length;
  const balanced =
    perClass === 0 ? "" : `, balanced to ${perClass} a class: ${rows.length} pictures, ${places.length} places`;
  const none = without === 0 ? "" : `; ${without} classes have none`;
  return `${passed} of ${n} pictures are above ${threshold}${balanced}${none}`;
}
