import { afterAll, beforeAll, expect, it } from "vitest";
import { exportOnnx } from "../../src/export/index.js";
import { pattern } from "../../src/pictures.testing.js";
import { examplePictures, shippedModels } from "./examples.js";
import { nodeLogits, nodePixels, relativeDifference, uneven } from "./exports.js";
import { type OpenedPage, openPage } from "./open.js";

let opened: OpenedPage;
beforeAll(async () => {
  opened = await openPage({ webgpu: true });
}, 120_000);
afterAll(() => opened?.close());

// On a GPU that the processor plays, so that this shows what is computed and not how fast.
it.each([
  ["a small network", uneven("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }, 10), 33, 2],
  ["B0 at its full size", uneven("efficientnet_b0", {}, 1000), 224, 1],
])(
  "WebGPU's logits of %s are those of onnxruntime-node",
  async (_what, model, resolution, calls) => {
    const bytes = exportOnnx(model, { resolution });
    opened.server.files.set("/model.onnx", bytes);
    const picture = pattern(2 * resolution, resolution + 10);
    opened.server.files.set("/pixels", picture.data);
    const found = await opened.page.evaluate(
      async ([columns, rows, times]) => {
        let submitted = 0;
        const submit = GPUQueue.prototype.submit;
        GPUQueue.prototype.submit = function (...buffers) {
          submitted++;
          return submit.apply(this, buffers);
        };
        const rgb = new Uint8Array(await (await fetch("/pixels")).arrayBuffer());
        const pixels = new ImageData(columns!, rows!);
        for (let i = 0; i < rgb.length; i++) pixels.data[i + Math.floor(i / 3)] = rgb[i]!;
        const classifier = await fixres.loadClassifier("/model.onnx", { device: "webgpu" });
        // At once: calls wait for each other.
        const all = await Promise.all(Array.from({ length: times! }, () => classifier.logits(pixels)));
        await classifier.dispose();
        return { logits: all.map((logits) => [...logits]), submitted };
      },
      [picture.width, picture.height, calls],
    );
    // The GPU did it, not the processor in its place.
    expect(found.submitted).toBeGreaterThan(10);
    const expected = await nodeLogits(bytes, nodePixels(model, picture, resolution));
    for (const logits of found.logits) expect(relativeDifference(logits, expected)).toBeLessThan(1e-4);
  },
  120_000,
);

it("tunes on WebGPU as on wasm", async () => {
  const { base } = await shippedModels();
  opened.server.files.set("/base.onnx", exportOnnx(base));
  for (const [i, { file }] of (await examplePictures(base.classes, 2)).entries())
    opened.server.files.set(`/pictures/${i}.png`, file);
  const [gpu, wasm] = await opened.page.evaluate(async (classes) => {
    const model = fixres.modelOf(new Uint8Array(await (await fetch("/base.onnx")).arrayBuffer()), "base.onnx");
    const pictures = classes.flatMap((name, k) =>
      [0, 1].map((i) => ({ source: `/pictures/${2 * k + i}.png`, class: name })),
    );
    const losses: (readonly number[])[] = [];
    for (const device of ["webgpu", "wasm"] as const)
      losses.push(
        (await fixres.tuneClassifier(model, pictures, { device, resolution: 40, epochs: 3, batchSize: 10, holdout: 0 }))
          .losses,
      );
    return losses;
  }, base.classes as string[]);
  expect(gpu).toHaveLength(3);
  for (const [epoch, loss] of gpu!.entries()) expect(loss).toBeCloseTo(wasm![epoch]!, 3);
  expect(gpu!.at(-1)!).toBeLessThan(gpu![0]!);
}, 240_000);
