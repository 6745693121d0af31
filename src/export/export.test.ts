import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openFolder, testTransform } from "../data/index.js";
import { FailedError, RequestError } from "../errors.js";
import { evaluate } from "../evaluate/index.js";
import { architecture, freshModel, inferenceProgram, loadModel, type Model } from "../models/index.js";
import { nodesFor, parseModel, quantizationPlan } from "../onnx/index.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import { random } from "../random.js";
import { openSession } from "../runtime/index.js";
import type { Tensor } from "../weights/index.js";
import { bestRange, calibrate, checkExport, exportGraph, exportOnnx } from "./index.js";

const fresh = freshModel(architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }), ["cat", "dog"], 1);
/** With statistics that keep the signal up, and a classifier that tells pictures apart. */
const model: Model = {
  ...fresh,
  input: { ...fresh.input, resolution: 48 },
  tensors: new Map<string, Tensor>(
    [...fresh.tensors].map(([name, tensor]) => {
      const stream = random(0, name);
      const data = (tensor.data as Float32Array).map((v) => {
        if (name.endsWith("running_mean")) return 0.1 * stream.normal();
        if (name.endsWith("running_var")) return 0.7 * v * (0.5 + stream.uniform());
        return name === "classifier.weight" ? v + 0.1 * stream.normal() : v;
      });
      return [name, { ...tensor, data }];
    }),
  ),
};
const pixelsOf = (batch: number, side: number): Uint8Array =>
  Uint8Array.from({ length: batch * side * side * 3 }, (_, i) => (i * 7919 + (i % 89) * 57) % 256);

async function logitsOf(program: Parameters<typeof openSession>[0], pixels: Uint8Array, shape?: readonly number[]) {
  const session = await openSession(program, { where: "here", threads: 1 });
  try {
    return (await session.run({ pixels }, shape && { pixels: shape })).logits as Float32Array;
  } finally {
    await session.dispose();
  }
}

/** The model that a file holds. */
async function loaded(file: Uint8Array): Promise<Model> {
  const folder = await mkdtemp(join(tmpdir(), "fixres-export-"));
  try {
    await writeFile(join(folder, "model.onnx"), file);
    return await loadModel(join(folder, "model.onnx"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Two classes of pictures of several sizes. */
async function pictures() {
  const files = Object.fromEntries(
    await Promise.all(
      [40, 64, 81, 100].flatMap((side, i) =>
        ["cat", "dog"].map(async (name) => [
          `${name}/${side}.png`,
          await encoded(pattern(side + (name === "cat" ? 30 : 0), side + 7 * i)),
        ]),
      ),
    ),
  );
  return openFolder(await folderOf(files));
}

const largest = (values: Float32Array): number => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const difference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0) / largest(a);

describe("exportOnnx", () => {
  it("is one file that says what it is and takes any number of pictures", async () => {
    const file = exportOnnx(model, { resolution: 33 });
    const { arch, classes, input } = JSON.parse(
      parseModel(file, { dimensions: { batch: 1 } }).metadata["fixres-model"]!,
    );
    expect({ arch, classes }).toEqual({ arch: "tf_efficientnet_b0", classes: ["cat", "dog"] });
    expect(input).toEqual({ ...model.input, resolution: 33 });
    for (const batch of [1, 3]) {
      const pixels = pixelsOf(batch, 33);
      const found = await logitsOf({ model: file }, pixels);
      expect(
        difference(await logitsOf(inferenceProgram(model, { resolution: 33, batch }), pixels), found),
      ).toBeLessThan(1e-6);
    }
    const fixed = exportOnnx(model, { resolution: 33, batch: 2 });
    await expect(logitsOf({ model: fixed }, pixelsOf(3, 33))).rejects.toThrow(RequestError);
  });

  it("is a model wherever one is taken, with its weights by their names", async () => {
    const found = await loaded(exportOnnx(model, { resolution: 33 }));
    expect({ ...found, tensors: null }).toEqual({ ...model, input: { ...model.input, resolution: 33 }, tensors: null });
    expect(new Map(found.tensors)).toEqual(new Map(model.tensors));
    const resizing = await loaded(exportOnnx(model, { withResize: true }));
    expect(new Map(resizing.tensors)).toEqual(new Map(model.tensors));
  });

  it("resizes and crops inside as the model's preprocessing says", async () => {
    for (const input of [
      model.input,
      { ...model.input, interpolation: "bilinear", cropRatio: 0.7 },
      { ...model.input, cropMode: "squash" as const },
    ]) {
      const own = { ...model, input };
      const file = exportOnnx(own, { withResize: true });
      for (const [width, height] of [
        [100, 71],
        [71, 100],
        [48, 48],
        [300, 55],
        [64, 97],
      ] as const) {
        const picture = pattern(width, height);
        const pixels = new Uint8Array(48 * 48 * 3);
        testTransform(input).apply(picture, pixels, 0);
        const expected = await logitsOf(inferenceProgram(own, { resolution: 48, batch: 1 }), pixels);
        const found = await logitsOf({ model: file }, picture.data, [1, height, width, 3]);
        expect(difference(expected, found), `${width} x ${height}`).toBeLessThan(2e-2);
      }
    }
  });

  it("does not pretend to resize as ONNX cannot", () => {
    const lanczos = { ...model, input: { ...model.input, interpolation: "lanczos" } };
    expect(() => exportOnnx(lanczos, { withResize: true })).toThrow(
      "the interpolation is lanczos; inside a graph there are bilinear and bicubic.",
    );
    const border = { ...model, input: { ...model.input, cropMode: "border" as const } };
    expect(() => exportOnnx(border, { withResize: true })).toThrow(RequestError);
    const official = { ...model, input: { ...model.input, transform: "fixres-official" as const } };
    expect(() => exportOnnx(official, { withResize: true })).toThrow(
      "the transform fixres-official surrounds portraits",
    );
  });

  it("in float16 keeps half of the bytes, and its logits to three digits", async () => {
    const file = exportOnnx(model, { precision: "float16" });
    expect(file.length).toBeLessThan(0.6 * exportOnnx(model).length);
    const pixels = pixelsOf(2, 48);
    const expected = await logitsOf(inferenceProgram(model, { resolution: 48, batch: 2 }), pixels);
    expect(difference(expected, await logitsOf({ model: file }, pixels))).toBeLessThan(1e-2);
    const again = await loaded(file);
    const found = await logitsOf(inferenceProgram(again, { resolution: 48, batch: 2 }), pixels);
    expect(difference(expected, found)).toBeLessThan(1e-2);
    expect(() => inferenceProgram(again, { resolution: 64, batch: 1 })).toThrow(
      "model.onnx was exported for 48 px; for 64 px export its model again.",
    );
  });

  it("in 8 bits keeps a quarter of the bytes, and is evaluated as any model", async () => {
    const source = await pictures();
    const graph = exportGraph(model, { precision: "int8" });
    const ranges = await calibrate(graph, source, { preprocessing: model.input, threads: 1 });
    expect([...ranges.keys()].sort()).toEqual([...quantizationPlan(graph.graph).values].sort());
    const file = exportOnnx(model, { precision: "int8" }, graph, ranges);
    expect(file.length).toBeLessThan(0.5 * exportOnnx(model).length);
    const again = await loaded(file);
    const found = await evaluate(again, source, { preprocessing: model.input, threads: 1 });
    const wanted = await evaluate(model, source, { preprocessing: model.input, threads: 1 });
    expect(Math.abs(found.loss - wanted.loss)).toBeLessThan(0.05 * wanted.loss);
    // The engine has its convolutions in whole numbers: a weight is kept as one.
    const ops = nodesFor(Object.values(parseModel(file, { dimensions: { batch: 1 } }).graph.outputs)).map(
      ({ op }) => op,
    );
    expect(ops.filter((op) => op === "QuantizeLinear").length).toBeGreaterThan(20);
    const check = await checkExport(file, model, { precision: "int8", source, threads: 1, maxDrop: 0.5 });
    expect(check.pictures).toBe(8);
    expect(check.accuracy?.model.top1).toBe(wanted.top1);
    expect(check.accuracy?.file.top1).toBe(found.top1);
  });
});

describe("checkExport", () => {
  it("compares a file with its model, on noise or on pictures", async () => {
    const file = exportOnnx(model);
    const noise = await checkExport(file, model, { threads: 1 });
    expect(noise).toMatchObject({ agreement: 1, pictures: 2 });
    expect(noise.difference).toBeLessThan(1e-6);
    const real = await checkExport(file, model, { source: await pictures(), threads: 1 });
    expect(real).toMatchObject({ agreement: 1, pictures: 8 });
    const whole = await checkExport(exportOnnx(model, { withResize: true }), model, {
      withResize: true,
      source: await pictures(),
      threads: 1,
    });
    expect(whole).toMatchObject({ agreement: 1, pictures: 8 });
    expect(whole.difference).toBeGreaterThan(0);
  });

  it("refuses a file of other weights", async () => {
    const checking = checkExport(exportOnnx(fresh, { resolution: 48 }), model, { threads: 1 });
    await expect(checking).rejects.toThrow(FailedError);
    await expect(checking).rejects.toThrow(/logits differ from the model's by .*; it was not written\.$/);
  });

  it("refuses 8 bits that lose more than they may", async () => {
    const source = await pictures();
    const graph = exportGraph(model, { precision: "int8" });
    // Everything is clipped to almost nothing.
    const ranges = new Map(quantizationPlan(graph.graph).values.map((value) => [value, { low: -0.01, high: 0.01 }]));
    const file = exportOnnx(model, { precision: "int8" }, graph, ranges);
    const before = await evaluate(model, source, { preprocessing: model.input, threads: 1 });
    const after = await evaluate(await loaded(file), source, { preprocessing: model.input, threads: 1 });
    const drop = before.top1 - after.top1;
    const checked = (maxDrop: number) => checkExport(file, model, { precision: "int8", source, threads: 1, maxDrop });
    // At just what is lost it is accepted, below that refused.
    expect((await checked(drop + 0.01)).accuracy?.gain).toBeCloseTo(-drop, 12);
    const checking = checked(drop - 0.01);
    await expect(checking).rejects.toThrow(FailedError);
    await expect(checking).rejects.toThrow(/in 8 bits top-1 falls from .* over 8 pictures/);
  });
});

it("clips a range where a few far values would cost all others their precision", () => {
  const histogram = new Float64Array(2048).fill(0);
  for (let i = 0; i < 100; i++) histogram[i] = 1e6;
  histogram[2047] = 1;
  const { low, high } = bestRange({ low: 0, high: 20.48 }, histogram);
  expect(low).toBe(0);
  expect(high).toBeLessThan(20.48 / 2);
  const even = new Float64Array(2048).fill(1);
  expect(bestRange({ low: -1, high: 1 }, even).high).toBeGreaterThan(0.95);
});
