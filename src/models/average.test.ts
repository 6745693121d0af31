import { expect, it } from "vitest";
import { DataError } from "../errors.js";
import { architecture, averageModels, freshModel } from "./index.js";

const ARCH = architecture("efficientnet_b0", { width: 0.25, depth: 0.25 });
const models = [0, 1, 2].map((seed) => freshModel(ARCH, ["a", "b"], seed));
for (const [i, model] of models.entries())
  (model.tensors.get("bn2.running_var")!.data as Float32Array).fill(i === 0 ? 4 : 1);

it("averages every tensor, statistics too, and says of what", () => {
  const mean = averageModels(models, ["x", "y", "z"]);
  expect([...mean.tensors.keys()]).toEqual([...models[0]!.tensors.keys()]);
  for (const [name, { data }] of mean.tensors) {
    const own = models.map(({ tensors }) => tensors.get(name)!.data as Float32Array);
    (data as Float32Array).forEach((v, i) => {
      expect(v).toBe(Math.fround((own[0]![i]! + own[1]![i]! + own[2]![i]!) / 3));
    });
  }
  expect((mean.tensors.get("bn2.running_var")!.data as Float32Array)[0]).toBe(2);
  expect(mean.provenance.at(-1)).toEqual({ what: "averaged", of: ["x", "y", "z"] });
});

it.each([
  [freshModel(architecture("efficientnet_b0", { width: 0.5, depth: 0.25 }), ["a", "b"], 0), "width is 0.25 and 0.5"],
  [freshModel(ARCH, ["a", "b", "c"], 0), "they have 2 and 3 classes"],
  [freshModel(ARCH, ["a", "d"], 0), 'class 1 is "b" and "d"'],
])("refuses others: %#", (other, fault) => {
  const average = () => averageModels([models[0]!, other], ["x", "y"]);
  expect(average).toThrow(DataError);
  expect(average).toThrow(`"x" and "y" cannot be averaged: ${fault}.`);
});
