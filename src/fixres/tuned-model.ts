import { expectedClasses, type Model } from "../models/pure.js";
import type { TypedArray } from "../onnx/index.js";
import type { Program, Session, Tensors } from "../runtime/pure.js";
import type { TuneOptions } from "./options.js";
import type { SolveReport } from "./solver/index.js";
import { type Division, freshTensors, statisticsProgram } from "./top.js";
import type { Selection } from "./tuning.js";

/**
 * What tuning begins with: the model; where a BatchNorm that was folded into a convolution is tuned, with a fresh one behind that, for
 * the statistics of all training pictures.
 * @param batches - full ones, of all of them
 */
export async function measuredStart(
  model: Model,
  division: Division,
  open: (program: Program) => Promise<Session>,
  batches: () => AsyncIterable<{ readonly features: Tensors }>,
): Promise<Model> {
  if (division.unfolded === null) return model;
  const session = await open(statisticsProgram(division, model));
  let [sums, squares, count]: [number[], number[], number] = [[], [], 0];
  for await (const { features } of batches()) {
    const measured = await session.run(features);
    const add = (so: readonly number[], values: TypedArray): number[] =>
      Array.from(values as Float32Array, (value, c) => value + (so[c] ?? 0));
    [sums, squares] = [add(sums, measured.mean!), add(squares, measured.squares!)];
    count++;
  }
  const mean = sums.map((sum) => sum / count);
  const variance = squares.map((sum, c) => Math.max(0, sum / count - mean[c]! ** 2));
  return { ...model, tensors: new Map([...model.tensors, ...freshTensors(division.unfolded, mean, variance)]) };
}

/** What a tuned model keeps of how it came to be. */
export interface Tuned {
  /** Of the pictures. */
  readonly classes: readonly string[];
  readonly selection: Selection | null;
  readonly solved: SolveReport | null;
  /** Further facts, such as how many pictures there were. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * The model with what was trained, and how.
 * @param state - what training has left, by the names of tensors
 */
export function tunedModel(
  model: Model,
  state: Readonly<Record<string, unknown>>,
  options: TuneOptions,
  { classes, selection, solved, facts }: Tuned,
): Model {
  const { preprocessing, onBadImage: _, selectOn, holdout, ...recipe } = options;
  const chosen = selection && {
    epoch: selection.epoch,
    selectedOn: selectOn,
    ...(selectOn === "holdout" && { holdout }),
  };
  const tensors = new Map(
    [...model.tensors].map(([name, tensor]) => [
      name,
      { ...tensor, data: (state[name] as Float32Array | undefined) ?? tensor.data },
    ]),
  );
  return {
    ...model,
    // A model that only knows how many classes it has learns their names.
    classes: typeof expectedClasses(model) === "number" ? classes : model.classes,
    tensors,
    input: { ...model.input, ...preprocessing },
    provenance: [
      ...model.provenance,
      {
        what: "tuned",
        resolution: preprocessing.resolution,
        trainedAt: model.input.resolution,
        ...recipe,
        ...chosen,
        ...(solved && { strength: solved.strength }),
        ...facts,
      },
    ],
  };
}
