import { describe, expect, it } from "vitest";
import type { Source } from "../data/index.js";
import { detailedTally } from "./details.js";
import { scoreLogits } from "./metrics.js";
import { notesOn, protocolOf } from "./protocol.js";

const sourceOf = (name: string, classes: readonly string[], names: readonly string[]): Source => ({
  name,
  classes,
  samples: names.map((own, i) => ({ path: own, name: own, label: i % classes.length })),
  notes: [],
});
const numbers = Array.from({ length: 1000 }, (_, i) => String(i));

it.each([
  ["imagenet/val", ["n01440764"], "n01440764/ILSVRC2012_val_00000293.JPEG", "imagenet-val"],
  [
    "v2/imagenetv2-matched-frequency-format-val",
    ["0"],
    "0/0af3f1b55de791c4144e2fb6d7dfe96dfc22d3fc.jpeg",
    "imagenet-v2",
  ],
  ["elsewhere", numbers, "0/0af3f1b55de791c4144e2fb6d7dfe96dfc22d3fc.jpeg", "imagenet-v2"],
  ["pictures/val", ["0", "1"], "0/1.png", null],
])("%s with %j and %s is %s", (name, classes, picture, protocol) => {
  expect(protocolOf(sourceOf(name, classes, [picture]), "folders")).toBe(protocol);
  expect(protocolOf(sourceOf(name, classes, [picture]), "real")).toBe(
    protocol === "imagenet-val" ? "imagenet-real" : protocol,
  );
});

describe("notesOn", () => {
  /** An evaluation of `n` pictures of the first `shown` of so many classes, `right` of them right. */
  function found(classes: number, n: number, right: number, shown = classes) {
    const names = Array.from({ length: classes }, (_, i) => `c${i}`);
    const samples = Array.from({ length: n }, (_, i) => ({ path: "", name: String(i), label: i % shown }));
    const sums = detailedTally({ classes: names, samples });
    for (const [i, { label }] of samples.entries()) {
      const logits = new Float32Array(classes);
      logits[i < right ? label : (label + 1) % classes] = 1;
      sums.add({ scores: scoreLogits(logits, [label], 1, classes), samples: [i] });
    }
    return sums.result();
  }

  it.each([
    [1000, 3000, 3, 1],
    [1000, 3000, 6, 1],
    [1000, 3000, 60, 0],
    [10, 50, 9, 1],
    [10, 500, 90, 0],
    [2, 100, 55, 1],
    [2, 100, 20, 1],
    [2, 100, 75, 0],
  ])("of %i classes and %i pictures, %i right: %i notes of guessing", (classes, n, right, notes) => {
    expect(notesOn(found(classes, n, right), null).filter((note) => note.includes("guessing"))).toHaveLength(notes);
  });

  it("tells of a single class", () => {
    expect(notesOn(found(1000, 50, 50, 1), null)).toEqual([
      'all pictures are of one class, "c0", where the model has 1000: see that each class has a folder of its own',
    ]);
    expect(notesOn(found(1, 50, 50), null)).toEqual([]);
  });

  it("tells of pictures that a protocol has and this evaluation has not", () => {
    const [note] = notesOn(found(10, 500, 400), "imagenet-v2");
    expect(note).toBe(
      "500 pictures were scored, but ImageNet-V2 has 10000: this is not comparable with published numbers",
    );
  });
});
