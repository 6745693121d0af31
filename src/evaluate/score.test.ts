import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Source } from "../data/index.js";
import { DataError, RequestError } from "../errors.js";
import { random } from "../random.js";
import { createNpy } from "../weights/index.js";
import { detailedTally } from "./details.js";
import { scoreLogits } from "./metrics.js";
import { validationName } from "./real.js";
import { scoreFile } from "./score.js";

const [N, CLASSES] = [700, 8];
const stream = random(4, "score");
const logits = Float32Array.from({ length: N * CLASSES }, () => 2 * stream.normal());
const labels = Int32Array.from({ length: N }, () => stream.integer(CLASSES));
const samples = Array.from(labels, (label, i) => ({ path: `/p/${i}.png`, name: `${i}.png`, label }));
const source: Source = { name: "val", classes: Array.from("abcdefgh"), samples, notes: [] };

let folder: string;
const at = (name: string): string => join(folder, name);

async function write(name: string, values: Float32Array | BigInt64Array, row: readonly number[]): Promise<string> {
  const file = await createNpy(at(name), values instanceof Float32Array ? "<f4" : "<i8", row);
  await file.append(values);
  await file.commit();
  return at(name);
}

function softmax(rows: Float32Array): Float32Array {
  const result = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i += CLASSES) {
    const exps = Array.from(rows.subarray(i, i + CLASSES), Math.exp);
    const sum = exps.reduce((a, b) => a + b, 0);
    result.set(
      exps.map((value) => value / sum),
      i,
    );
  }
  return result;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-score-"));
  await write("softmax.npy", softmax(logits), [CLASSES]);
  await write("logits.npy", logits, [CLASSES]);
  await write("labels.npy", BigInt64Array.from(labels, BigInt), []);
});
afterAll(() => rm(folder, { recursive: true }));

describe("scoreFile", () => {
  const sums = detailedTally(source);
  sums.add({ scores: scoreLogits(logits, labels, N, CLASSES), samples: samples.map((_, i) => i) });
  const wanted = sums.result();

  it("finds in probabilities what the logits had", async () => {
    const found = await scoreFile(at("softmax.npy"), { source });
    expect(found).toMatchObject({ top1: wanted.top1, top5: wanted.top5, n: N, confusion: wanted.confusion });
    expect(found.loss).toBeCloseTo(wanted.loss, 6);
    expect(found.ece).toBeCloseTo(wanted.ece, 6);
    expect(found.worst.map(({ path }) => path)).toEqual(wanted.worst.map(({ path }) => path));
    expect(await scoreFile(at("logits.npy"), { source, logits: true })).toMatchObject(wanted);
    const byFile = await scoreFile(at("softmax.npy"), { labels: at("labels.npy") });
    expect(byFile.top1).toBe(wanted.top1);
    expect(byFile.worst[0]!.name).toBe(`row ${Number.parseInt(wanted.worst[0]!.name, 10)}`);
  });

  it("scores sets of labels by names, given or of the validation set's order", async () => {
    const real = Array.from({ length: N }, (_, i) => (i % 3 === 0 ? [] : [labels[i]!, (labels[i]! + 1) % CLASSES]));
    const inOrder = await scoreFile(at("softmax.npy"), { real });
    expect(inOrder).toMatchObject({ n: 466, leftOut: 234, confusion: [] });
    expect(inOrder.notes[0]).toContain("rows are taken for ILSVRC2012_val_00000001 and those after it");
    // The same pictures backwards.
    const turned = new Float32Array(logits.length);
    for (let i = 0; i < N; i++) turned.set(logits.subarray(i * CLASSES, (i + 1) * CLASSES), (N - 1 - i) * CLASSES);
    const names = Array.from({ length: N }, (_, i) => `x/${validationName(N - i)}`);
    await writeFile(at("names.txt"), names.map((name) => `${name}\n`).join(""));
    const path = await write("turned.npy", softmax(turned), [CLASSES]);
    const { notes, worst, ...byName } = await scoreFile(path, { real, names: at("names.txt") });
    const { notes: _, worst: __, ...rest } = inOrder;
    expect(byName).toEqual(rest);
    expect(notes).toEqual([expect.stringContaining("466 pictures were scored")]);
    expect(worst[0]!.label).toBeNull();
  });

  it("takes a probability of 0 for the smallest there is", async () => {
    const path = await write("zero.npy", Float32Array.of(1, 0, 0, 1), [2]);
    const file = await write("two.npy", BigInt64Array.of(0n, 0n), []);
    expect((await scoreFile(path, { labels: file })).loss).toBeCloseTo((149 * Math.LN2) / 2, 10);
  });

  it.each<[string, Float32Array, string]>([
    ["more than 1", Float32Array.of(0.5, 0.5, 3, -2), "row 1 has 3 of class 0; probabilities lie in [0, 1]"],
    ["negative", Float32Array.of(1.5, -0.5, 1, 0), "row 0 has 1.5 of class 0"],
    ["NaN", Float32Array.of(0.5, 0.5, Number.NaN, 1), "row 1 has NaN of class 0"],
    ["a sum of 1.5", Float32Array.of(0.5, 0.5, 0.5, 1), "row 1 has a sum of 1.500"],
  ])("refuses %s", async (_, values, message) => {
    const path = await write("wrong.npy", values, [2]);
    const file = await write("two.npy", BigInt64Array.of(0n, 1n), []);
    await expect(scoreFile(path, { labels: file })).rejects.toThrow(DataError);
    await expect(scoreFile(path, { labels: file })).rejects.toThrow(message);
  });

  it("refuses labels that do not go with it", async () => {
    await expect(scoreFile(at("softmax.npy"), {})).rejects.toThrow(RequestError);
    const short = await write("short.npy", BigInt64Array.of(1n), []);
    await expect(scoreFile(at("softmax.npy"), { labels: short })).rejects.toThrow("the softmax has 700 rows");
    const outside = await write(
      "outside.npy",
      BigInt64Array.from(labels, (l) => BigInt(l) + 1n),
      [],
    );
    await expect(scoreFile(at("softmax.npy"), { labels: outside })).rejects.toThrow(
      "has label 8, but there are 8 classes (0 to 7)",
    );
    const floats = await write(
      "floats.npy",
      Float32Array.from(labels, (l) => l + 0.5),
      [],
    );
    await expect(scoreFile(at("softmax.npy"), { labels: floats })).rejects.toThrow("classes are whole numbers");
    const other = { ...source, classes: ["a", "b"] };
    await expect(scoreFile(at("softmax.npy"), { source: other })).rejects.toThrow(
      "has 8 classes, but the pictures are of 2",
    );
    const fewer = { ...source, samples: samples.slice(1) };
    await expect(scoreFile(at("softmax.npy"), { source: fewer })).rejects.toThrow(
      'has 700 rows, but "val" has 699 pictures',
    );
    await expect(scoreFile(at("labels.npy"), { source })).rejects.toThrow(
      "[pictures, classes] of <f4 or <f8 is needed",
    );
  });
});
