import { describe, expect, it } from "vitest";
import { testTransform } from "../../data/index.js";
import { RequestError } from "../../errors.js";
import { architecture, publishedWeights } from "../../models/index.js";
import { PRESETS, preset, RECIPES, recipe, TUNE_DEFAULTS, TUNE_MODES } from "../index.js";

const pixels = { resolution: 32, cropRatio: 0.875, interpolation: "bicubic", cropMode: "center" } as const;

describe("recipes", () => {
  it("are the authors' two", () => {
    const { test, "test+": plus } = RECIPES;
    expect(test).toMatchObject({ baseLearningRate: 1e-3, decayEpochs: 30, momentum: 0.9, weightDecay: 1e-4 });
    expect(plus).toMatchObject({ baseLearningRate: 1e-4, decayEpochs: 30, epochs: 11, labelSmoothing: 0.1 });
    expect(recipe("test").transform(pixels).deterministic).toBe(true);
    expect(recipe("test+").transform(pixels).deterministic).toBe(false);
    expect(recipe("test").transform).toBe(testTransform);
  });

  it("leave tune with the first one where nothing is said", () => {
    const { summary: _, transform: __, ...options } = RECIPES.test;
    expect(TUNE_DEFAULTS).toMatchObject(options);
  });

  it("are refused by other names", () => {
    expect(() => recipe("train")).toThrow(RequestError);
    expect(() => recipe("train")).toThrow('the recipe "train" is unknown; choose one of test, test+.');
    expect(() => recipe("toString")).toThrow(RequestError);
  });
});

describe("presets", () => {
  it("are a row each of FixEfficientNet's table", () => {
    const sizes = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"];
    expect(PRESETS.map(({ name }) => name).sort()).toEqual(
      [
        ...sizes.flatMap((size) => [`fixefficientnet-${size}`, `fixefficientnet-${size}-extra`]),
        "fixefficientnet-b8",
        "fixefficientnet-l2-extra",
      ].sort(),
    );
  });

  it.each(PRESETS.map((own) => [own.name, own] as const))(
    "%s: known weights, the family's resolution, published rows before and after",
    (name, { weights, resolution, mode, published, ...rest }) => {
      const extra = name.endsWith("-extra");
      const { architecture: arch, input } = publishedWeights(weights);
      expect(name.startsWith(`fix${arch.replace("tf_", "").replace("_", "-")}`)).toBe(true);
      expect(weights).toContain(extra ? ".ns_jft_in1k" : ".ap_in1k");
      // AdvProp's weights want another normalisation.
      expect(input.mean[0]).toBe(extra ? 0.485 : 0.5);
      const { fixResolution, fixResolutionExtraData } = architecture(arch);
      expect(resolution).toBe(extra ? fixResolutionExtraData : fixResolution);
      expect(resolution).toBeGreaterThan(input.resolution);
      expect(recipe(rest.recipe)).toBe(RECIPES["test+"]);
      expect(TUNE_MODES).toHaveProperty([mode]);
      expect(Object.keys(published.before)).toEqual(["imagenet-val", "imagenet-real", "imagenet-v2"]);
      expect(published.before["imagenet-val"]).toMatchObject({ model: weights, resolution: input.resolution });
      expect(published.after["imagenet-val"]).toMatchObject({ resolution });
      expect(published.after["imagenet-val"]!.top1).toBeGreaterThan(published.before["imagenet-val"]!.top1);
    },
  );

  it("start L2 from the weights of 475 px", () => {
    const { weights, published } = preset("fixefficientnet-l2-extra");
    expect(weights).toBe("tf_efficientnet_l2.ns_jft_in1k_475");
    expect(published.after).toMatchObject({ "imagenet-val": { top1: 0.885 }, "imagenet-real": { top1: 0.909 } });
  });

  it("are refused by other names", () => {
    expect(() => preset("b0")).toThrow(RequestError);
    expect(() => preset("b0")).toThrow(
      'the preset "b0" is unknown; choose one of fixefficientnet-b0, fixefficientnet-b0-extra,',
    );
  });
});
