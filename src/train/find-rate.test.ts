import sharp from "sharp";
import { expect, it } from "vitest";
import { openFolder } from "../data/index.js";
import { RequestError } from "../errors.js";
import { architecture, freshModel } from "../models/index.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import { defaultTrainOptions, findLearningRate, judged, type RatePoint } from "./index.js";

const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b"], 0);
const options = { ...defaultTrainOptions({ resolution: 32, dropout: 0 }), batchSize: 4, accumulate: 2 };

async function source() {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < 8; i++) files[`${i % 2 ? "a" : "b"}/${i}.png`] = await encoded(pattern(32 + i, 40));
  return openFolder(await folderOf(files));
}

it("ramps the rate exponentially over updates, however few batches an epoch has, and ends where the loss diverges", async () => {
  const train = await source();
  const few = await findLearningRate(model, { train }, options, { steps: 5, range: [1e-5, 1e-1], threads: 1 });
  few.points.forEach(({ learningRate }, i) => {
    expect(learningRate / 10 ** (i - 5)).toBeCloseTo(1, 9);
  });
  expect(few.points).toHaveLength(5);
  expect(few.points[0]!.smoothed).toBe(few.points[0]!.loss);
  const mixed = { ...options, augment: "v0", mixup: 0.2, cutmix: 1 };
  const many = await findLearningRate(model, { train }, mixed, { steps: 40, range: [1e-2, 1e6], threads: 1 });
  expect(many.points.length).toBeLessThan(40);
});

it("suggests a tenth of the rate with the lowest smoothed loss", () => {
  const points: RatePoint[] = [3, 2, 1, 4, Number.NaN].map((smoothed, i) => ({
    learningRate: 10 ** i,
    loss: 0,
    smoothed,
  }));
  expect(judged(points)).toEqual({ points, lowest: 100, suggestion: 10 });
});

it("tries a student's rates by labelled pictures alone", async () => {
  const train = await source();
  const ramp = { steps: 1, threads: 1 };
  const [student, plain] = [
    await findLearningRate(model, { train }, { ...options, unlabelledRatio: 3 }, ramp),
    await findLearningRate(model, { train }, options, ramp),
  ];
  expect(student).toEqual(plain);
});

it("wants a batch of pictures", async () => {
  const train = await source();
  await expect(findLearningRate(model, { train }, { ...options, batchSize: 9 }, {})).rejects.toThrow(RequestError);
});

it("gathers an update over more epochs than one", async () => {
  const train = await source();
  const found = await findLearningRate(model, { train }, { ...options, accumulate: 9 }, { steps: 2, threads: 1 });
  expect(found.points).toHaveLength(2);
});

it("turns pictures as EXIF says where it is asked to", async () => {
  const turned = await sharp(await encoded(pattern(40, 32)))
    .jpeg()
    .withMetadata({ orientation: 6 })
    .toBuffer();
  const train = await openFolder(await folderOf({ "a/0.jpg": turned, "b/0.jpg": turned }));
  const losses = async (exifOrientation: boolean): Promise<number[]> => {
    const ramp = { steps: 1, threads: 1, exifOrientation };
    const { points } = await findLearningRate(model, { train }, { ...options, batchSize: 2, accumulate: 1 }, ramp);
    return points.map(({ loss }) => loss);
  };
  expect(await losses(true)).not.toEqual(await losses(false));
});
