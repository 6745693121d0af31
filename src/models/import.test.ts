import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../errors.js";
import { type LazyTensor, type Tensor, transposed, type WeightSource } from "../weights/index.js";
import {
  architecture,
  type EfficientNet,
  expectedClasses,
  freshModel,
  IMAGENET_IDS,
  IMAGENET_NAMES,
  importModel,
  SCHEMES,
  type SchemeName,
} from "./index.js";
import { placesOf } from "./names.js";

/** Names and shapes of real state dicts and checkpoints of B0; make_checkpoints.py beside each file says how. */
const REAL = Object.assign({}, ...["torch", "tensorflow"].map((folder) => golden(`${folder}/names.json`))) as Record<
  SchemeName,
  Record<string, number[]>
>;

function golden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../test/golden/${name}`, import.meta.url), "utf8"));
}

const ARCH = {
  timm: "tf_efficientnet_b0",
  torchvision: "efficientnet_b0",
  lukemelas: "tf_efficientnet_b0",
  tensorflow: "tf_efficientnet_b0",
} as const;
const SMALL = { width: 0.25, depth: 0.25 };

/** A model's tensors as a library would have saved them. */
function saved(
  model: EfficientNet,
  scheme: SchemeName,
  change: (tensors: Map<string, Tensor>) => void = () => {},
): WeightSource {
  const placeOf = placesOf(model.arch, scheme);
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of model.tensors) {
    const { names, axes } = placeOf(name);
    tensors.set(names[0]!, axes === null ? tensor : transposed(tensor, inverse(axes)));
  }
  change(tensors);
  const lazy = [...tensors].map(([name, tensor]): [string, LazyTensor] => [
    name,
    { dtype: tensor.type, shape: tensor.shape, read: async () => tensor },
  ]);
  return { tensors: new Map(lazy), metadata: {}, notes: [], close: async () => {} };
}

const inverse = (axes: readonly number[]): number[] => axes.map((_, axis) => axes.indexOf(axis));

const floats = (shape: readonly number[]): Tensor => ({
  type: "float32",
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5),
});

describe.each(Object.keys(SCHEMES) as SchemeName[])("names of %s", (scheme) => {
  it("are those of a real B0, with their shapes", () => {
    const arch = architecture(ARCH[scheme]);
    const source = saved(freshModel(arch, IMAGENET_IDS, 0), scheme);
    const mapped = [...source.tensors].map(([name, { shape }]) => [name, [...shape]] as const);
    expect(Object.fromEntries(mapped)).toEqual(REAL[scheme]);
  });

  it("are recognised, and every tensor finds its place", async () => {
    const model = freshModel(architecture(ARCH[scheme], SMALL), ["cat", "dog"], 7);
    const source = saved(model, scheme, (tensors) => tensors.set("somewhere.num_batches_tracked", floats([])));
    const found = await importModel(source, { arch: model.arch, from: "x.pth", classes: model.classes });
    expect(found.scheme).toBe(scheme);
    expect([...found.model.tensors]).toEqual([...model.tensors]);
    expect(found.model.provenance).toEqual([{ what: "imported", from: "x.pth", scheme }]);
  });
});

describe("importModel", () => {
  const model = freshModel(architecture("tf_efficientnet_b0", SMALL), ["0", "1", "2"], 7);
  const given = { arch: model.arch, from: "x.pth" };

  it("lists what is missing, left over or of another shape, all at once", async () => {
    const source = saved(model, "timm", (tensors) => {
      tensors.delete("bn2.bias");
      tensors.set("bn2.weight", floats([5]));
      tensors.set("extra.weight", floats([1]));
    });
    await expect(importModel(source, given)).rejects.toThrow(
      new DataError(
        '"x.pth" does not hold the weights of tf_efficientnet_b0: "bn2.weight" is [5] where [320] is needed, "bn2.bias" is missing, "extra.weight" is not used.',
      ),
    );
  });

  it("leaves fresh what may be missing", async () => {
    const source = saved(model, "timm", (tensors) =>
      ["classifier.weight", "classifier.bias"].map((n) => tensors.delete(n)),
    );
    const options = { ...given, classes: ["a", "b"], allowMissing: /^classifier\./, seed: 3 };
    const found = await importModel(source, options);
    expect(found.missing).toEqual(["classifier.weight", "classifier.bias"]);
    expect(found.model.tensors.get("classifier.weight")!.shape).toEqual([2, 320]);
  });

  it("names ImageNet's classes by their ids, and says where it knows only their number", async () => {
    expect(expectedClasses((await importModel(saved(model, "timm"), given)).model)).toBe(3);
    const large = freshModel(model.arch, IMAGENET_IDS, 0);
    const found = await importModel(saved(large, "timm"), given);
    expect(expectedClasses(found.model)).toEqual(IMAGENET_IDS);
    expect(IMAGENET_IDS).toHaveLength(1000);
    expect(new Set(IMAGENET_IDS).size).toBe(1000);
    expect([IMAGENET_IDS[0], IMAGENET_NAMES.get("n01440764")]).toEqual(["n01440764", "tench"]);
    expect([IMAGENET_IDS[999], IMAGENET_NAMES.get("n15075141")]).toEqual(["n15075141", "toilet tissue"]);
  });

  it("leaves out the background before 1,000 classes", async () => {
    const wide = freshModel(
      model.arch,
      Array.from({ length: 1001 }, (_, i) => String(i)),
      0,
    );
    const found = await importModel(saved(wide, "timm"), given);
    const [all, kept] = [wide, found.model].map(
      ({ tensors }) => tensors.get("classifier.weight")!.data as Float32Array,
    );
    expect(kept).toEqual(all!.slice(320));
    expect(found.model.classes).toEqual(IMAGENET_IDS);
    expect(found.notes.at(-1)).toContain("background");
  });

  it("knows how each library pads, and torchvision's other epsilon", async () => {
    const plain = freshModel(architecture("efficientnet_b5", SMALL), ["a"], 0);
    const found = await importModel(saved(plain, "torchvision"), { arch: plain.arch, from: "x", classes: ["a"] });
    expect(found.model.arch.batchNormEpsilon).toBe(1e-3);
    const wrong = importModel(saved(plain, "lukemelas"), { arch: plain.arch, from: "x", classes: ["a"] });
    await expect(wrong).rejects.toThrow(RequestError);
    await expect(wrong).rejects.toThrow("give --arch tf_efficientnet_b5");
  });

  it.each([
    [
      "tensors of another network",
      (t: Map<string, Tensor>) => {
        t.clear();
        t.set("conv1.weight", floats([1]));
      },
      "no known naming scheme (conv1.weight",
    ],
    [
      "a number that is none",
      (t: Map<string, Tensor>) => t.set("bn2.bias", { ...floats([320]), data: new Float32Array(320).fill(Number.NaN) }),
      '"bn2.bias" holds NaN',
    ],
    [
      "whole numbers",
      (t: Map<string, Tensor>) => t.set("bn2.bias", { type: "int32", shape: [320], data: new Int32Array(320) }),
      '"bn2.bias" holds int32',
    ],
  ] as const)("refuses %s", async (_, change, text) => {
    const running = importModel(
      saved(model, "timm", (t) => void change(t)),
      given,
    );
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(text);
  });

  it("refuses class names of another number", async () => {
    await expect(importModel(saved(model, "timm"), { ...given, classes: ["a"] })).rejects.toThrow(
      "1 class names were given, but the network has 3 outputs",
    );
  });
});
