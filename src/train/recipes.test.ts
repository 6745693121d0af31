import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, freshModel } from "../models/index.js";
import { folderOf } from "../pictures.testing.js";
import {
  checkTrainOptions,
  learningRateAt,
  normalizedFor,
  RECIPE_NAMES,
  type Recipe,
  recipe,
  resolvedOptions,
  type TrainOptions,
} from "./index.js";

const circumstances = { arch: { dropout: 0.2 }, resolution: 224, pictures: 100_000 };

describe("named recipes", () => {
  it.each(RECIPE_NAMES)("%s makes options that can be", async (name) => {
    const options = resolvedOptions(await recipe(name), {}, circumstances);
    expect(checkTrainOptions(options)).toEqual(options);
  });

  it("efficientnet is the paper's, its rate in proportion to an update", async () => {
    const paper = await recipe("efficientnet");
    const options = resolvedOptions(paper, { batchSize: 64, accumulate: 8 }, circumstances);
    expect(options).toMatchObject({
      optimizer: "rmsprop",
      epochs: 350,
      averageDecay: 0.9999,
      statDecay: 0.99,
      augment: "v0",
    });
    expect(options.learningRate).toBeCloseTo(0.032, 12);
    const at = (epoch: number) => learningRateAt({ ...options, name: options.schedule }, epoch) / options.learningRate;
    // Warm-up to 5 epochs; by then two steps of 2.4 are over.
    expect([2.5, 5, 7.1, 7.3].map(at)).toEqual([0.5, 0.97 ** 2, 0.97 ** 2, 0.97 ** 3]);
  });
});

describe("adversarial pictures", () => {
  const resolve = async (given: Partial<TrainOptions>, name = "advprop") =>
    resolvedOptions(await recipe(name), given, circumstances);

  it("are the paper's by the recipe, which is the EfficientNet one otherwise", async () => {
    const { advEpsilon, advSteps, advStepSize, normalization, ...rest } = await resolve({});
    expect([advEpsilon, advSteps, advStepSize, normalization]).toEqual([4, 5, 1, "half"]);
    const { advEpsilon: none, ...plain } = await resolve({}, "efficientnet");
    expect(none).toBe(0);
    expect(plain).toMatchObject(rest);
  });

  it.each<[name: string, given: Partial<TrainOptions>, steps: number]>([
    ["advprop", { advEpsilon: 1 }, 1],
    ["advprop", { advEpsilon: 2 }, 3],
    ["advprop", { advEpsilon: 0 }, 0],
    ["advprop", { advSteps: 2 }, 2],
    ["modern", { advEpsilon: 3 }, 4],
    ["modern", { advEpsilon: 2, advSteps: 0 }, 0],
  ])("by %s and %j are made by %i steps", async (name, given, steps) => {
    const found = await resolve(given, name);
    expect(found.advSteps).toBe(steps);
    expect(checkTrainOptions(found)).toEqual(found);
  });

  it("are not made of no change", async () => {
    expect(() => checkTrainOptions({ ...resolvedOptions({}, {}, circumstances), advSteps: 2 })).toThrow(
      "advSteps is 2, but advEpsilon is 0",
    );
  });
});

describe("the normalisation", () => {
  const fresh = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b"], 0);
  it("is a fresh network's to choose, and a trained one keeps its own", () => {
    expect(normalizedFor(fresh, { normalization: "half" }).input).toMatchObject({ mean: [0.5, 0.5, 0.5] });
    expect(normalizedFor(fresh, { normalization: "model" })).toBe(fresh);
    const trained = { ...fresh, provenance: [...fresh.provenance, { what: "trained" as const }] };
    expect(normalizedFor(trained, { normalization: "half" })).toBe(trained);
  });
});

describe("options", () => {
  it("of a run that began before there was augmentation are those of one without it", () => {
    const options = resolvedOptions({}, {}, circumstances);
    const { augment, colorJitter, erasing, mixup, cutmix, mixProbability, mixSwitch, ...earlier } = options;
    expect([augment, colorJitter, erasing, mixup, cutmix]).toEqual(["", 0, 0, 0, 0]);
    expect(checkTrainOptions(earlier as typeof options)).toEqual(options);
  });

  it.each([
    [{ augment: "rand-m9-n2-x" }, /^"rand-m9-n2-x" has the unknown section "x"/],
    [{ augment: "v0", interpolation: "lanczos" }, 'augmentation "v0" turns pictures with bilinear, bicubic or random'],
    [{ colorJitter: -0.1 }, "the colour jitter of brightness is -0.1"],
    [{ erasing: 2 }, "the erasing probability is 2"],
    [{ mixup: -1, cutmix: 1 }, "mixup is -1"],
    [{ mixSwitch: 7 }, "the mixing switchProbability is 7"],
  ])("are refused before anything is computed: %j", (own, message) => {
    const options = resolvedOptions(own, {}, circumstances);
    expect(() => checkTrainOptions(options)).toThrow(RequestError);
    expect(() => checkTrainOptions(options)).toThrow(message);
  });

  it("go before the recipe, and the recipe before defaults", () => {
    const own: Recipe = { epochs: 9, momentum: 0.5, warmupEpochs: 4 };
    const given = { epochs: 3, momentum: undefined, data: "not an option" };
    const options = resolvedOptions(own, given, { ...circumstances, pictures: 40 });
    expect(options).toMatchObject({ epochs: 3, momentum: 0.5, warmupEpochs: 3, dropout: 0.2, batchSize: 40 });
    expect(options.learningRate).toBeCloseTo(0.0625, 12);
    expect(options).not.toHaveProperty("data");
  });
});

describe("a recipe's file", () => {
  const file = async (name: string, text: string): Promise<string> => join(await folderOf({ [name]: text }), name);

  it.each([
    ["own.json", '{"optimizer": "lamb", "learningRate": 0.005, "learningRatePer": 2048, "freeze": ["stem"]}'],
    ["own.yaml", "# ours\noptimizer: lamb\nlearningRate: 5.0e-3\nlearningRatePer: 2048\nfreeze: [stem]\n"],
  ])("%s", async (name, text) => {
    const own = await recipe(await file(name, text));
    expect(own).toEqual({ optimizer: "lamb", learningRate: 0.005, learningRatePer: 2048, freeze: ["stem"] });
  });

  it.each([
    ["momentum: 3", /momentum: Too big/],
    ["nonsense: 3", /: 1 of its keys are no options, such as "nonsense"\. Options are resolution, /],
    ["{a b: 1, c: 2, d: 3, e: 4, f: 5}", /: 5 of its keys are no options, such as "c", "d", "e"\. Options are/],
    ["{? [root, x] : 1}", /: 1 of its keys are no options\. Options are/],
    ["learningRatePer: 256", /learningRatePer is 256, but there is no learningRate/],
    ["a: *b", /is neither JSON nor YAML: [^\n]+\.$/],
    ["- a", /expected (record|object)/],
    ["a: [", /is neither JSON nor YAML: /],
  ])("says what is wrong: %s", async (text, message) => {
    const path = await file("wrong.yaml", text);
    await expect(recipe(path)).rejects.toThrow(RequestError);
    await expect(recipe(path)).rejects.toThrow(message);
  });

  it("is missing", async () => {
    await expect(recipe("nothing")).rejects.toThrow(
      'recipe "nothing" is neither a name nor a file; choose one of efficientnet, modern',
    );
  });
});
