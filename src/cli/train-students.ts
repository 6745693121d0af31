import { resolve } from "node:path";
import { openUnlabelled, type Splits, type TestPreprocessing } from "../data/index.js";
import { RequestError } from "../errors.js";
import { testPreprocessing } from "../evaluate/index.js";
import { type EfficientNet, loadModel } from "../models/index.js";
import type { Progress } from "../progress.js";
import { type Recording, recorded } from "../report/index.js";
import {
  type EpochResult,
  type RoundResult,
  type RoundsOptions,
  type RoundsResult,
  type RunConfig,
  type TrainOptions,
  type TrainSurroundings,
  trainStudents,
} from "../train/index.js";
import * as cli from "./options.js";
import { runStart } from "./recording.js";
import { table } from "./table.js";
import type { TrainCommandOptions } from "./train-options.js";

/** Who teaches whom, from the command line before the configuration; undefined where nobody does. */
export function studentsOf(typed: TrainCommandOptions, config: RunConfig | null): RunConfig["student"] {
  const { teacher, labelFile, unlabelled, rounds, student } = typed;
  const earlier = config?.student;
  const asked = [teacher, labelFile, unlabelled, rounds, student, earlier].some((value) => value !== undefined);
  if (!asked) return undefined;
  const pictures = unlabelled ?? earlier?.unlabelled;
  if (pictures === undefined)
    throw new RequestError("there are no pictures for a teacher to label; give --unlabelled too.");
  const given = teacher !== undefined || labelFile !== undefined;
  const from = given ? { teacher, labelFile } : { teacher: earlier?.teacher, labelFile: earlier?.labelFile };
  if ((from.teacher === undefined) === (from.labelFile === undefined))
    throw new RequestError(
      from.teacher === undefined
        ? "there is nobody who labels the pictures; give --teacher, or --label-file."
        : "--teacher and --label-file both label the pictures; give one of them.",
    );
  return {
    ...from,
    unlabelled: pictures,
    rounds: rounds ?? earlier?.rounds ?? 1,
    students: [...(student ?? earlier?.students ?? [])],
  };
}

/** The same as it holds from any folder. */
export const absolute = (student: NonNullable<RunConfig["student"]>): NonNullable<RunConfig["student"]> => ({
  ...student,
  teacher: student.teacher && resolve(student.teacher),
  labelFile: student.labelFile && resolve(student.labelFile),
  unlabelled: resolve(student.unlabelled),
});

/** @throws {RequestError} where the options ask for a teacher and there is none, or the other way about */
export function checkStudents(student: RunConfig["student"], { unlabelledRatio }: TrainOptions): void {
  if (unlabelledRatio > 0 && student === undefined)
    throw new RequestError(
      `${unlabelledRatio} unlabelled pictures are asked for with each labelled one; give --teacher and --unlabelled too.`,
    );
  if (unlabelledRatio === 0 && student !== undefined)
    throw new RequestError(
      "no unlabelled pictures are asked for in a batch; give --recipe noisy-student, or --unlabelled-ratio.",
    );
}

/** What a run by a teacher is about. */
export interface Students {
  readonly request: NonNullable<RunConfig["student"]>;
  readonly data: Splits;
  /** A student as it begins. @param name - its architecture, where the rounds have theirs */
  start(name: string | undefined, seed: number): Promise<EfficientNet>;
  readonly options: TrainOptions;
  readonly test: TestPreprocessing;
}

/** What a round leaves in its folder. */
const FILES = { metrics: "metrics.csv", model: "model", best: "best", evaluation: "evaluation" };

/**
 * Trains the students of all rounds. Each has a seed of its own, so that it does not begin as its teacher did. The series has a record of
 * its run, and each round one of its own.
 * @param settings - that all rounds have, as they were resolved
 */
export async function runStudents(
  { request, data, start, options, test }: Students,
  settings: object,
  surroundings: TrainSurroundings & { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<RoundsResult> {
  const { teacher, labelFile, unlabelled, rounds, students } = request;
  const { directory, progress, signal } = surroundings;
  if (students.length > rounds)
    throw new RequestError(
      `there are ${students.length} students (--student), but ${rounds} rounds; give as many --rounds.`,
    );
  const source = await openUnlabelled(unlabelled);
  for (const note of source.notes) progress.note(note);
  const student = async (round: number) => {
    const seed = options.seed + round - 1;
    const name = students[Math.min(round, students.length) - 1];
    return { model: await start(name, seed), options: { ...options, seed } };
  };
  const first = labelFile === undefined ? await loadModel(teacher!) : labelFile;
  const about = { resolutions: [test.resolution], trainResolution: options.resolution };
  const shownTo = typeof first === "string" ? undefined : testPreprocessing(first.input, {});
  const begun = runStart("train", directory, {
    settings: { ...settings, student: request, teacherTest: shownTo },
    ...{ ...about, model: (await student(1)).model },
    files: {
      ...{ config: "config.json", rounds: "rounds.json", model: `round-${rounds}/model` },
      ...(shownTo === undefined ? {} : { before: "teacher/evaluation" }),
      after: `round-${rounds}/evaluation`,
    },
  });
  const work = (series: Recording): Promise<RoundsResult> => {
    const one: NonNullable<RoundsOptions["recorded"]> = (round, teach) => {
      const own = { ...settings, ...round.options, round: round.round };
      const begun = runStart("train", round.directory, { settings: own, ...about, model: round.model, files: FILES });
      // Epochs of the series are counted through.
      const before = (round.round - 1) * round.options.epochs;
      const teaching = (run: Recording) =>
        teach({
          progress: run.progress,
          onEpoch(epoch) {
            run.epoch(numbersOf(epoch));
            series.epoch({ ...numbersOf(epoch), epoch: before + epoch.epoch });
          },
        });
      return recorded(begun, { progress: series.progress, signal }, teaching, plainRound);
    };
    const place = { ...surroundings, progress: series.progress };
    return trainStudents(data, source, first, { rounds, test, student, recorded: one }, place);
  };
  return recorded(begun, { progress, signal }, work, (found) => ({ ...found, rounds: found.rounds.map(plainRound) }));
}

/** What the record of a run has of an epoch. */
export const numbersOf = ({ epoch, trainLoss, trainTop1, learningRate, val }: EpochResult) => {
  const [valTop1Low, valTop1High] = val.ci95;
  const validation = { valLoss: val.loss, valTop1: val.top1, valTop5: val.top5, valTop1Low, valTop1High };
  return { epoch, trainLoss, trainTop1, ...validation, learningRate };
};

/** A round without its lists of classes and pictures, which `rounds.json` has. */
function plainRound({ taught: { classes: _, leaked, ...taught }, ...round }: RoundResult) {
  return { ...round, taught: { ...taught, leaked: leaked.length } };
}

export function studentsText({ teacher, rounds, model }: RoundsResult): string {
  const row = (name: string, taught: string, { top1, loss, ci95 }: RoundsResult["rounds"][number]["val"]) => [
    ...[name, taught, loss.toFixed(4)],
    ...[cli.percent(top1), cli.interval(ci95)],
  ];
  const rows = rounds.map(({ round, arch, taught, val }) => {
    const counts = Object.values(taught.classes);
    const sum = (key: "taken" | "places"): number => counts.reduce((total, own) => total + own[key], 0);
    return row(`${round}: ${arch}`, `${sum("taken")} of ${taught.labelled}`, val);
  });
  return [
    table(
      ["round", "pseudo-labelled", "val loss", "val top-1", "95% interval"],
      [...(teacher === null ? [] : [row("teacher", "", teacher.val)]), ...rows],
    ),
    `last: ${model}; fixres compare takes the folders evaluation/ of teacher and rounds`,
    `at a larger resolution: fixres tune ${model} --data DIR --resolution R --out DIR`,
  ].join("\n");
}
