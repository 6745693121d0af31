import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EXPORT_KEY } from "../classifier.js";
import { DataError } from "../errors.js";
import { exportOnnx } from "../export/index.js";
import { architecture, freshModel, inferenceGraph, loadModel, modelFile, weightsOf } from "../models/index.js";
import { serialize } from "../onnx/index.js";
import { classed } from "./classed.js";
import { modelOf } from "./model.js";

const model = freshModel(architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }), ["cat", "dog"], 1);
const trained = { ...model, provenance: [{ what: "trained" as const, resolution: 32 }] };

/** The network's file, with other metadata. */
const file = (metadata: unknown): Uint8Array =>
  serialize(inferenceGraph(model, { resolution: 32, batch: 1 }), {
    bind: (value) => ({ kind: "data", data: weightsOf(model)(value) }),
    metadata: { [EXPORT_KEY]: JSON.stringify(metadata) },
  });

it.each([
  ["an export", () => exportOnnx(trained, { resolution: 48 })],
  ["an export that resizes", () => exportOnnx(trained, { resolution: 48, withResize: true })],
  ["an export in float16", () => exportOnnx(trained, { resolution: 48, precision: "float16" })],
])("is what loadModel finds: %s", async (_what, make) => {
  const folder = await mkdtemp(join(tmpdir(), "fixres-model-of-"));
  try {
    const path = join(folder, "model.onnx");
    await writeFile(path, make());
    const [found, expected] = [modelOf(make(), "model.onnx"), await loadModel(path)];
    expect({ ...found, arch: found.arch.name, tensors: 0 }).toEqual({
      ...expected,
      arch: expected.arch.name,
      tensors: 0,
    });
    expect([...found.tensors.keys()]).toEqual([...expected.tensors.keys()]);
    for (const [name, { data }] of expected.tensors) expect(found.tensors.get(name)!.data).toEqual(data);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it.each([
  ["no architecture", { arch: 1 }, "it names no architecture"],
  ["no mean", { input: { ...model.input, mean: [1] } }, "mean and std are no three numbers each"],
  ["no provenance", { provenance: [1] }, "the provenance is no list of steps"],
  ["a width that is none", { width: "0.25" }, "a scale of the network is no number"],
])("refuses metadata with %s", (_what, change, message) => {
  const read = () => modelOf(file({ ...modelFile(model), ...change }), "m");
  expect(read).toThrow(DataError);
  expect(read).toThrow(`metadata of model "m": ${message}; export it again.`);
});

it("gives a model the classes of pictures", () => {
  const shown = (...names: string[]) => names.map((name) => ({ class: name }));
  // Fewer than it has: those that it has stay.
  expect(classed(trained, shown("dog", "dog"), 0)).toMatchObject({
    start: { classes: ["cat", "dog"] },
    labels: Int32Array.of(1, 1),
  });
  // A fresh model learns the names.
  expect(classed(model, shown("b", "a"), 0)).toMatchObject({
    start: { classes: ["a", "b"] },
    labels: Int32Array.of(1, 0),
  });
  const other = classed(trained, shown("dog", "cow", "cat"), 0);
  expect(other).toMatchObject({ start: { classes: ["cat", "cow", "dog"] }, labels: Int32Array.of(2, 1, 0) });
  expect(other.start.tensors.get("classifier.weight")!.shape[0]).toBe(3);
});
