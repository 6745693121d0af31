import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openFolder, openPictureCache, type Picture, type Source } from "../data/index.js";
import { DataError, RequestError } from "../errors.js";
import { architecture, freshModel, type Model } from "../models/index.js";
import { type Progress, silent } from "../progress.js";
import { random } from "../random.js";
import { type EvaluateOptions, evaluate, predict, testPreprocessing, wilson } from "./index.js";

const CLASSES = ["ash", "birch", "cedar", "dogwood", "elm", "fir"];
const PER_CLASS = 3;

let folder: string;
let source: Source;
let model: Model;
let options: EvaluateOptions;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-evaluate-"));
  const stream = random(1, "pictures");
  for (const name of CLASSES) {
    await mkdir(join(folder, name));
    for (let i = 0; i < PER_CLASS; i++) {
      const [width, height] = [30 + stream.integer(30), 30 + stream.integer(30)];
      const noise = Uint8Array.from({ length: width * height * 3 }, () => stream.integer(256));
      const image = sharp(noise, { raw: { width, height, channels: 3 } }).blur(1 + 3 * stream.uniform());
      await image.png().toFile(join(folder, name, `${i}.png`));
    }
  }
  source = await openFolder(folder);
  model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), CLASSES, 5);
  options = { preprocessing: testPreprocessing(model.input, { resolution: 32 }), threads: 1 };
});
afterAll(() => rm(folder, { recursive: true }));

describe("evaluate", () => {
  it("gives the same for batches of 3 and of 7, whose last one is filled up", async () => {
    const [three, seven] = [
      await evaluate(model, source, { ...options, batchSize: 3 }),
      await evaluate(model, source, { ...options, batchSize: 7 }),
    ];
    expect(three.n).toBe(CLASSES.length * PER_CLASS);
    expect(seven.correct).toEqual(three.correct);
    expect([seven.top1, seven.top5, seven.n, seven.ci95]).toEqual([three.top1, three.top5, three.n, three.ci95]);
    expect(seven.loss).toBeCloseTo(three.loss, 6);
  });

  it.each([0, 2.5, Number.NaN])("refuses a batch of %d", async (batchSize) => {
    const running = evaluate(model, source, { ...options, batchSize });
    await expect(running).rejects.toThrow(
      new RequestError(`the batch size is ${batchSize}; give a whole number of 1 or more.`),
    );
  });

  it("agrees with what predict says of each picture", async () => {
    const found = await evaluate(model, source, options);
    const paths = [...source.samples].map(({ path }) => path);
    const { predictions, bad } = await predict(model, paths, CLASSES.length, { ...options, batchSize: 5 });
    expect(bad).toEqual([]);
    expect(predictions.map(({ image }) => image)).toEqual(paths);
    const right = predictions.map(({ top }, i) => Number(top[0]!.index === source.samples[i]!.label));
    expect([...found.correct]).toEqual(right);
    const hits = right.reduce((a, b) => a + b, 0);
    // Neither all right nor all wrong, or this would show little.
    expect(hits).toBeGreaterThan(0);
    expect(hits).toBeLessThan(right.length);
    expect(found.top1).toBe(hits / right.length);
    expect(found.ci95).toEqual(wilson(hits, right.length));
    const places = predictions.map(({ top }, i) => top.findIndex(({ index }) => index === source.samples[i]!.label));
    expect(found.top5).toBe(places.filter((place) => place < 5).length / places.length);
    const losses = predictions.map(({ top }, i) => -Math.log(top[places[i]!]!.probability));
    expect(found.loss).toBeCloseTo(losses.reduce((a, b) => a + b) / losses.length, 5);
  });

  it("lets no other class compete than those that the source says", async () => {
    const kept = [1, 3];
    const samples = [...source.samples].filter(({ label }) => kept.includes(label));
    const found = await evaluate(model, { ...source, samples, competing: kept }, options);
    const paths = samples.map(({ path }) => path);
    const { predictions } = await predict(model, paths, CLASSES.length, options);
    const best = predictions.map(({ top }) => top.find(({ index }) => kept.includes(index))!);
    expect([...found.correct]).toEqual(best.map(({ index }, i) => Number(index === samples[i]!.label)));
    // The loss is that of a softmax over the two.
    const losses = predictions.map(({ top }, i) => {
      const own = top.filter(({ index }) => kept.includes(index));
      const sum = own.reduce((total, { probability }) => total + probability, 0);
      return -Math.log(own.find(({ index }) => index === samples[i]!.label)!.probability / sum);
    });
    expect(found.loss).toBeCloseTo(losses.reduce((a, b) => a + b) / losses.length, 5);
  });

  it("keeps decoded pictures where it is given room, and gives the same from them", async () => {
    const room = openPictureCache(1e6);
    let found = 0;
    const get = (path: string): Picture | undefined => {
      const picture = room.get(path);
      if (picture !== undefined) found++;
      return picture;
    };
    const cache = { ...room, get };
    const first = await evaluate(model, source, { ...options, cache });
    expect(found).toBe(0);
    const second = await evaluate(model, source, { ...options, cache });
    expect(found).toBe(source.samples.length);
    expect([second.loss, second.correct]).toEqual([first.loss, first.correct]);
  });

  it("reports its progress to the end, and what it rests on", async () => {
    const steps: number[] = [];
    const events: string[] = [];
    const progress: Progress = {
      ...silent,
      start(task, total, unit) {
        events.push(`${task} ${total} ${unit}`);
        return { advance: (count) => void steps.push(count), end: () => void events.push("end") };
      },
    };
    const found = await evaluate(model, source, { ...options, batchSize: 7, progress, task: "before" });
    expect(events).toEqual([`before ${source.samples.length} pictures`, "end"]);
    expect(steps).toEqual([7, 7, 4]);
    expect(found.preprocessing).toEqual(options.preprocessing);
    expect(found.imagesPerSecond).toBeCloseTo(found.n / found.seconds, 6);
  });

  it("stops at a picture that cannot be read, or leaves it out and says so", async () => {
    const broken = join(folder, "cedar", "1b.jpg");
    await writeFile(broken, "no picture");
    try {
      const damaged = await openFolder(folder);
      const error = await evaluate(model, damaged, options).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toContain(broken);
      const whole = await evaluate(model, source, options);
      const rest = await evaluate(model, damaged, { ...options, batchSize: 4, onBadImage: "skip" });
      expect(rest.bad.map(({ name }) => name)).toEqual(["cedar/1b.jpg"]);
      expect([rest.n, rest.correct, rest.top1]).toEqual([whole.n, whole.correct, whole.top1]);
      const { predictions, bad } = await predict(model, [broken, source.samples[0]!.path], 1, {
        ...options,
        onBadImage: "skip",
      });
      expect(predictions.map(({ image }) => image)).toEqual([source.samples[0]!.path]);
      expect(bad.map(({ name }) => name)).toEqual([broken]);
    } finally {
      await rm(broken);
    }
  });

  it("says so where not one picture can be read", async () => {
    const name = "elm/0.png";
    const lost: Source = { ...source, samples: [{ path: join(folder, "lost.png"), name, label: 4 }] };
    await expect(evaluate(model, lost, { ...options, onBadImage: "skip" })).rejects.toThrow("no picture was scored");
    await expect(evaluate(model, lost, options)).rejects.toThrow(/lost\.png/);
  });

  it("stops when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(evaluate(model, source, { ...options, signal })).rejects.toThrow("enough");
  });
});

describe("predict", () => {
  it("gives the likeliest classes, best first, their probabilities adding up", async () => {
    const path = source.samples[0]!.path;
    const { predictions } = await predict(model, [path], CLASSES.length, options);
    const { top } = predictions[0]!;
    expect(top.map(({ index }) => CLASSES[index])).toEqual(top.map((guess) => guess.class));
    expect(top.map(({ class: name }) => name).sort()).toEqual(CLASSES);
    const probabilities = top.map(({ probability }) => probability);
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    const two = await predict(model, [path], 2, options);
    expect(two.predictions[0]!.top).toEqual(top.slice(0, 2));
  });

  it("of no pictures gives nothing", async () => {
    expect(await predict(model, [], 5, options)).toEqual({ predictions: [], bad: [] });
  });
});
