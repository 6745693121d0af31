import type { Source, TestPreprocessing } from "../data/index.js";
import type { EfficientNet } from "../models/index.js";
import type { Tensor } from "../weights/index.js";
import { bestKnown } from "./average.js";
import type { StateTensors } from "./checkpoint.js";
import type { TrainOptions } from "./options.js";
import { sourceHash } from "./rundir.js";
import type { Taught } from "./student/taught.js";

/** What made a model. */
export interface Training {
  readonly source: Source;
  readonly options: TrainOptions;
  readonly test: TestPreprocessing;
  readonly taught?: Taught;
}

/** The model that a run has come to after an epoch: the averages of its weights where those are kept. */
export function trainedModel(
  model: EfficientNet,
  state: StateTensors,
  epoch: number,
  { source, options, test, taught }: Training,
): EfficientNet {
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of model.tensors)
    tensors.set(name, { ...tensor, data: bestKnown(state, name) ?? tensor.data });
  const { resolution, batchSize, optimizer, learningRate, seed, averageDecay } = options;
  const done = { what: "trained" as const, epoch, resolution, batchSize, optimizer, learningRate, seed };
  const average = averageDecay > 0 ? { averageDecay } : {};
  const pictures = { pictures: source.samples.length, data: sourceHash(source) };
  const { unlabelledRatio, threshold, pseudoLabels } = options;
  const student = taught && {
    teacher: taught.teacher.slice(0, 16),
    pictures: taught.source.samples.length,
    ...{ unlabelledRatio, threshold, pseudoLabels, labels: taught.fingerprint },
  };
  return {
    ...model,
    tensors,
    input: { ...model.input, ...test },
    provenance: [...model.provenance, { ...done, ...average, ...pictures, ...(student && { student }) }],
  };
}
