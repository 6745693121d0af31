import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { architecture, freshModel } from "../models/index.js";
import { writeSafetensors } from "../weights/index.js";
import { setOf } from "./pictures.js";
import { measuredResolutions, resolutionsOf } from "./resolutions.js";
import { packedModels, rounded, unpackedModels } from "./shipped.js";

describe("shipped models", () => {
  it("come out of their file as they went in, the base to 8 bits a weight", async () => {
    const base = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b"], 1);
    const bias = { ...base.tensors.get("classifier.bias")!, data: Float32Array.of(0.5, -0.25) };
    const tensors = rounded(base.tensors);
    const fixed = { ...base, tensors: new Map([...tensors, ["classifier.bias", bias]]) };
    const { tensors: parts, metadata } = packedModels({ base: { ...base, tensors }, fixed });
    const folder = await mkdtemp(join(tmpdir(), "fixres-shipped-"));
    try {
      await writeSafetensors(join(folder, "m"), parts, metadata);
      const bytes = new Uint8Array(await readFile(join(folder, "m")));
      const found = unpackedModels(bytes);
      expect(bytes.length).toBeLessThan(
        [...base.tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0) / 2,
      );
      expect(found.fixed.tensors.get("classifier.bias")!.data).toEqual(bias.data);
      for (const [name, { data }] of base.tensors) {
        const largest = (data as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const others = found.base.tensors.get(name)!.data as Float32Array;
        const worst = (data as Float32Array).reduce((most, v, i) => Math.max(most, Math.abs(v - others[i]!)), 0);
        expect(worst).toBeLessThanOrEqual((largest / 127) * 0.501);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("pictures of a folder", () => {
  const file = {} as File;
  it("have the name of their own folder as class; other files are counted", () => {
    const paths = ["pets/cat/1.jpg", "pets/cat/2.PNG", "pets/train/dog/3.webp", "pets/notes.txt", "pets/4.jpg"];
    const hidden = ["pets/.git/x.jpg", "pets/cat/.DS_Store"];
    const { pictures, skipped } = setOf(
      "pets",
      [...paths, ...hidden].map((path) => ({ path, file })),
    );
    expect(pictures.map(({ class: name }) => name)).toEqual(["cat", "cat", "dog"]);
    expect(skipped).toBe(2);
  });
});

describe("resolutions", () => {
  it("go from half of the training resolution to three times it, in steps that grow with it", () => {
    expect(resolutionsOf({ trainResolution: 32, only: null })).toEqual({ min: 16, max: 96, step: 4 });
    expect(resolutionsOf({ trainResolution: 224, only: null })).toEqual({ min: 112, max: 672, step: 8 });
    expect(resolutionsOf({ trainResolution: 224, only: 320 })).toEqual({ min: 320, max: 320, step: 1 });
  });

  it("hold the one that was fixed for where models are measured", () => {
    expect(measuredResolutions({ trainResolution: 32, only: null }, 44)).toEqual([24, 32, 40, 44, 48, 64]);
    expect(measuredResolutions({ trainResolution: 32, only: 44 }, 44)).toEqual([44]);
  });
});
