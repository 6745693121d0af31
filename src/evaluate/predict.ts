import { type Guess, likeliest } from "../classifier.js";
import { type BadPicture, loadBatches, type Source, testTransform } from "../data/index.js";
import { IMAGENET_NAMES, inferenceProgram, type Model, possibleBatch, usualBatch } from "../models/index.js";
import { silent } from "../progress.js";
import { openSession, runEach } from "../runtime/index.js";
import type { EvaluateOptions } from "./evaluate.js";

export interface Prediction {
  readonly image: string;
  /** The likeliest classes, best first. */
  readonly top: readonly Guess[];
}

/**
 * The likeliest classes of pictures by the softmax of a model.
 * @param images - paths  @param count - how many classes to give for each
 * @throws {DataError} naming a picture that cannot be read, unless those are skipped
 */
export async function predict(
  model: Model,
  images: readonly string[],
  count: number,
  options: Omit<EvaluateOptions, "cache" | "task">,
): Promise<{ predictions: Prediction[]; bad: BadPicture[] }> {
  const { preprocessing, onBadImage, signal, device, threads, progress = silent } = options;
  const { resolution } = preprocessing;
  const wanted = options.batchSize ?? (images.length > 1 ? usualBatch(model, resolution) : 1);
  const batchSize = possibleBatch(model, { resolution, batch: Math.max(1, Math.min(wanted, images.length)) });
  const program = inferenceProgram(model, { resolution, batch: batchSize });
  // One run leaves nothing to do beside it, and a thread would first have to start.
  const where = images.length <= batchSize ? "here" : "thread";
  const session = await openSession(program, { device, threads, where });
  const source: Source = {
    name: "pictures",
    classes: model.classes,
    samples: images.map((path) => ({ path, name: path, label: 0 })),
    notes: [],
  };
  const task = progress.start("predict", images.length, "pictures");
  try {
    const predictions: Prediction[] = [];
    const bad: BadPicture[] = [];
    const order = { seed: 0, epoch: 0, shuffle: false };
    const transform = testTransform(preprocessing);
    const batches = loadBatches(source, { transform, batchSize, ...order, onBadImage, signal });
    for await (const { batch, results } of runEach(session, batches, ({ pixels }) => ({ pixels }))) {
      bad.push(...batch.bad);
      const classes = model.classes.length;
      for (const [row, sample] of batch.samples.entries()) {
        const own = (results.logits as Float32Array).subarray(row * classes, (row + 1) * classes);
        predictions.push({ image: images[sample]!, top: likeliest(own, model.classes, count).map(named) });
      }
      task.advance(batch.count + batch.bad.length);
    }
    return { predictions, bad };
  } finally {
    task.end();
    await session.dispose();
  }
}

/** With the name of a class in words, where it is an id of ImageNet's. */
function named(guess: Guess): Guess {
  const name = IMAGENET_NAMES.get(guess.class);
  return name === undefined ? guess : { ...guess, name };
}
