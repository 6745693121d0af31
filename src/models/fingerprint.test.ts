import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { architecture, freshModel, loadModel, modelFingerprint, parametersOfModel, saveModel } from "./index.js";

const small = (seed: number) =>
  freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["ash", "birch"], seed);

it("is of what a model computes: the same after saving, whatever it went through, another for other values or classes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fixres-fingerprint-"));
  try {
    const model = small(1);
    const hash = modelFingerprint(model);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    await saveModel(folder, { ...model, provenance: [...model.provenance, { what: "trained" }] });
    const loaded = await loadModel(folder);
    expect(modelFingerprint(loaded)).toBe(hash);
    // Also once its file was read.
    for (const { data } of loaded.tensors.values()) expect(data.length).toBeGreaterThan(0);
    expect(modelFingerprint(loaded)).toBe(hash);
    expect(modelFingerprint(small(2))).not.toBe(hash);
    expect(modelFingerprint({ ...model, classes: ["ash", "cedar"] })).not.toBe(hash);
    expect(modelFingerprint({ ...model, input: { ...model.input, mean: [0.5, 0.5, 0.5] } })).not.toBe(hash);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("B0 has the paper's 5.3 million parameters", () => {
  const classes = Array.from({ length: 1000 }, (_, i) => String(i));
  expect(parametersOfModel(freshModel(architecture("efficientnet_b0"), classes, 0))).toBe(5_288_548);
});
