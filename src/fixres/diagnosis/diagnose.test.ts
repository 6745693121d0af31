import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Picture, type Source, testTransform } from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import { testPreprocessing } from "../../evaluate/index.js";
import { architecture, freshModel, inferenceGraph, loadModel, type Model, withWeights } from "../../models/index.js";
import { GraphBuilder, serialize } from "../../onnx/index.js";
import { encoded, folderOf, pattern } from "../../pictures.testing.js";
import { openSession } from "../../runtime/index.js";
import { diagnose, trainedResolution } from "../index.js";
import { pooledActivations } from "./pooled.js";

const GOLDEN = fileURLToPath(new URL("../../../test/golden/onnx", import.meta.url));

function sourceOf(pictures: readonly (Picture | Uint8Array)[]): Source {
  return {
    name: "memory",
    classes: ["a", "b"],
    samples: pictures.map((_, i) => ({ path: `picture ${i}`, name: `${i}`, label: i % 2 })),
    notes: [],
    read: async (i) => pictures[i]!,
  };
}

const plain = (width: number, height: number, colour: number): Picture => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(colour),
});

/** A classifier of the mean colour, from 0 to 1: what enters it is known. */
async function meanColour(): Promise<Model> {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1, 3, 16, 16]);
  const pooled = b.reduceMean(x, { axes: [2, 3] });
  const logits = b.matmul(pooled, b.parameter("weight", [3, 2]));
  const graph = { name: "mean", inputs: [x], outputs: { logits } };
  const bind = () => ({ kind: "data", data: Float32Array.of(1, -1, 0, 0, 0, 0) }) as const;
  const folder = await folderOf({ "mean.onnx": serialize(graph, { bind }) });
  const model = await loadModel(join(folder, "mean.onnx"));
  return { ...model, input: { ...model.input, mean: [0, 0, 0], std: [1, 1, 1] } };
}

describe("diagnose", () => {
  const options = (resolutions: readonly number[]) => ({
    preprocessing: { resolution: 16, cropRatio: 1, interpolation: "bilinear", cropMode: "center" } as const,
    resolutions,
    trainResolution: 16,
    minCropArea: 0.08,
    threads: 1,
  });

  it("finds the colours of plain pictures at any resolution, no distance between them, and sizes as known", async () => {
    const colours = [0, 51, 102, 204];
    const source = sourceOf(colours.map((colour) => plain(80, 40, colour)));
    const found = await diagnose(await meanColour(), source, options([8, 16, 32]));
    const known = {
      mean: expect.closeTo(0.35, 6),
      std: expect.closeTo(Math.sqrt(0.0875), 6),
      nearZero: 0.25,
      negative: 0,
    };
    expect(found.train).toMatchObject({ resolution: 16, scale: [0.08, 1], activations: known });
    expect(found.train.noise.distance).toBeLessThan(1e-9);
    for (const row of found.rows) {
      expect(row.activations).toEqual(known);
      expect(row.distance).toBeLessThan(1e-9);
      expect(row.magnification.mean).toBeCloseTo(row.resolution / 40, 10);
    }
    expect(found.rows.map(({ resolution }) => resolution)).toEqual([8, 16, 32]);
    const [half, one] = found.rows;
    expect(half!.ratio.mean).toBeCloseTo(one!.ratio.mean / 2, 10);
    expect(found.predicted.sameSize).toBe(Math.ceil(16 / one!.ratio.mean));
    expect(found).toMatchObject({ sizes: 4, pictures: 4, bad: [] });
    expect(found.best).toBeUndefined();
  });

  it("predicts the resolution whose activations are nearest, and measures accuracy where it is asked to", async () => {
    const source = sourceOf([plain(80, 40, 10), plain(40, 80, 20), pattern(60, 60), pattern(61, 47)]);
    const found = await diagnose(await meanColour(), source, { ...options([16, 8, 32]), pictures: 4, sweep: true });
    const nearest = found.rows.toSorted((a, b) => a.distance - b.distance)[0]!;
    expect(found.predicted.activations).toBe(nearest.resolution);
    const best = found.rows.toSorted((a, b) => b.accuracy!.top1 - a.accuracy!.top1)[0]!;
    expect(found.best).toBe(best.resolution);
    expect(best.accuracy).toMatchObject({ n: 4 });
  });

  it("draws the pictures that are asked for, by the seed", async () => {
    const source = sourceOf(Array.from({ length: 30 }, (_, i) => plain(20, 20, 8 * i)));
    const model = await meanColour();
    const found = async (seed: number) => {
      const { pictures, sizes, rows } = await diagnose(model, source, { ...options([16]), pictures: 5, seed });
      expect({ pictures, sizes }).toEqual({ pictures: 5, sizes: 30 });
      return rows[0]!.activations.mean;
    };
    expect(await found(1)).toBe(await found(1));
    expect(await found(1)).not.toBe(await found(2));
  });

  it("stops at a picture that cannot be read, or leaves it out and says so", async () => {
    const model = await meanColour();
    const source = sourceOf([plain(20, 20, 10), Uint8Array.of(1, 2, 3), plain(20, 20, 30)]);
    await expect(diagnose(model, source, options([16]))).rejects.toThrow(DataError);
    const found = await diagnose(model, source, { ...options([16]), onBadImage: "skip" });
    expect(found).toMatchObject({ sizes: 2, pictures: 2, bad: [{ name: "1" }] });
    const cut = (await encoded(pattern(61, 47), "jpeg")).subarray(0, 700);
    const further = await diagnose(model, sourceOf([plain(20, 20, 10), cut]), { ...options([16]), onBadImage: "skip" });
    expect(further).toMatchObject({
      sizes: 2,
      pictures: 1,
      bad: [{ name: "1", reason: expect.stringMatching("cut short") }],
    });
    const none = diagnose(model, sourceOf([Uint8Array.of(1, 2)]), { ...options([16]), onBadImage: "skip" });
    await expect(none).rejects.toThrow('"memory" has no picture that can be read.');
  });

  it.each([
    [{ pictures: 1 }, "the number of pictures is 1; give a whole number of 2 or more."],
    [{ minCropArea: 1.5 }, "the scale of a crop is 1.5 to 1;"],
    [{ trainResolution: 0 }, "the resolution is 0;"],
  ])("refuses %j", async (wrong, message) => {
    const running = diagnose(await meanColour(), sourceOf([plain(20, 20, 10)]), { ...options([16]), ...wrong });
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(message);
  });
});

describe("what enters a classifier", () => {
  it.each([
    [
      "of the family",
      async () => freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b"], 1),
    ],
    ["whose classifier comes before its pooling", () => loadModel(join(GOLDEN, "squeeze.new.onnx"))],
  ])("is what decides the logits, in a network %s", async (_, load) => {
    const model = await load();
    const preprocessing = testPreprocessing(model.input, { resolution: 32 });
    const pictures = [pattern(61, 47), pattern(47, 61), pattern(13, 9)];
    const transform = testTransform(preprocessing);
    const options = { preprocessing, transform, passes: 1, seed: 0, threads: 1, task: "test" };
    const { passes } = await pooledActivations(model, sourceOf(pictures), options);
    const graph = inferenceGraph(model, { resolution: 32, batch: 3 });
    // Logits are linear in the mean features, whichever of pooling and classifier comes first.
    const session = await openSession(withWeights(graph, model), { where: "here", threads: 1 });
    const pixels = new Uint8Array(3 * 32 * 32 * 3);
    for (const [i, picture] of pictures.entries()) transform.apply(picture, pixels, i * 32 * 32 * 3);
    const { logits } = await session.run({ pixels });
    await session.dispose();
    const classifier = [...model.tensors.values()].slice(-2).sort((a, b) => b.shape.length - a.shape.length);
    const [weight, bias] = classifier.map(({ data }) => data as Float32Array) as [Float32Array, Float32Array];
    const { values, channels } = passes[0]!;
    expect(values.length).toBe(3 * channels);
    for (let n = 0; n < 3; n++) {
      for (let k = 0; k < bias.length; k++) {
        let sum = bias[k]!;
        for (let c = 0; c < channels; c++) sum += weight[k * channels + c]! * values[n * channels + c]!;
        expect(sum).toBeCloseTo(Number(logits![n * bias.length + k]), 4);
      }
    }
  });
});

describe("the resolution of a model's training crops", () => {
  const input = { resolution: 320 } as Model["input"];
  it.each([
    [[{ what: "imported" }], 320],
    [[{ what: "initialised" }, { what: "trained", resolution: 192 }], 192],
    [[{ what: "imported" }, { what: "tuned", resolution: 320, trainedAt: 224 }], 224],
    [
      [
        { what: "trained", resolution: 128 },
        { what: "tuned", resolution: 320, trainedAt: 160 },
      ],
      128,
    ],
  ] as const)("%j", (provenance, resolution) => {
    expect(trainedResolution({ provenance: [...provenance], input })).toBe(resolution);
  });
});
