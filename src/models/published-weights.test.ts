import { expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, PUBLISHED_WEIGHTS, publishedWeights } from "./index.js";

it("knows how published weights are tested", () => {
  expect(publishedWeights("tf_efficientnet_b0.ap_in1k")).toMatchObject({
    architecture: "tf_efficientnet_b0",
    input: { resolution: 224, cropRatio: 0.875, interpolation: "bicubic", mean: [0.5, 0.5, 0.5] },
  });
  expect(publishedWeights("tf_efficientnet_l2.ns_jft_in1k_475").input).toMatchObject({
    resolution: 475,
    cropRatio: 0.936,
  });
  expect(publishedWeights("tf_efficientnet_lite3.in1k").input.interpolation).toBe("bilinear");
});

it("has an architecture for each", () => {
  expect(PUBLISHED_WEIGHTS.length).toBe(51);
  for (const name of PUBLISHED_WEIGHTS)
    expect(architecture(publishedWeights(name).architecture).name).toBe(name.split(".")[0]);
});

it("names others of the architecture where one is unknown", () => {
  expect(() => publishedWeights("tf_efficientnet_l2.in1k")).toThrow(RequestError);
  expect(() => publishedWeights("tf_efficientnet_l2.in1k")).toThrow("tf_efficientnet_l2.ns_jft_in1k_475");
  expect(() => publishedWeights("resnet50")).toThrow("give a name such as");
});
