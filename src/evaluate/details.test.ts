import { describe, expect, it } from "vitest";
import { random } from "../random.js";
import { detailedTally, type Scored } from "./details.js";
import { scoreLogits } from "./metrics.js";

const CLASSES = ["ash", "birch", "cedar", "dogwood", "elm", "fir", "gum"];
const N = 400;
const stream = random(11, "details");
const labels = Int32Array.from({ length: N }, () => stream.integer(6));
// The label's logit is higher on average, and every fourth pair of pictures is equal.
const logits = Float32Array.from(
  { length: N * CLASSES.length },
  (_, i) => stream.normal() + (i % CLASSES.length === labels[Math.floor(i / CLASSES.length)] ? 1.5 : 0),
);
for (let i = 0; i + 1 < N; i += 8) {
  labels[i + 1] = labels[i]!;
  logits.copyWithin((i + 1) * CLASSES.length, i * CLASSES.length, (i + 1) * CLASSES.length);
}
const samples = Array.from(labels, (label, i) => ({ path: `/x/${i}.jpg`, name: `${i}.jpg`, label }));

/** The result where pictures arrive in the given order, in batches of `batch`. */
function resultOf(order: readonly number[], batch: number) {
  const sums = detailedTally({ classes: CLASSES, samples });
  for (let from = 0; from < N; from += batch) {
    const part = order.slice(from, from + batch);
    const rows = Float32Array.from(
      part.flatMap((i) => [...logits.subarray(i * CLASSES.length, (i + 1) * CLASSES.length)]),
    );
    const scores = scoreLogits(
      rows,
      part.map((i) => labels[i]!),
      part.length,
      CLASSES.length,
    );
    sums.add({ scores, samples: part } satisfies Partial<Scored>);
  }
  return { ...sums.result(), correct: sums.correct() };
}

const inOrder = Array.from({ length: N }, (_, i) => i);
const all = resultOf(inOrder, N);

describe("detailedTally", () => {
  it.each([1, 7, 64])("gives the same to the last bit in any order, in batches of %i", (batch) => {
    const order = [...inOrder];
    random(batch, "order").shuffle(order);
    expect(resultOf(order, batch)).toEqual(all);
  });

  const { prediction, probability, loss, top1 } = scoreLogits(logits, labels, N, CLASSES.length);
  const confidence = (i: number): number => probability[i * 5]!;

  it("has the calibration error of its definition", () => {
    let ece = 0;
    for (let b = 0; b < 15; b++) {
      const inside = inOrder.filter((i) => confidence(i) > b / 15 && confidence(i) <= (b + 1) / 15);
      if (inside.length === 0) continue;
      const mean = (of: (i: number) => number): number => inside.reduce((s, i) => s + of(i), 0) / inside.length;
      ece += (inside.length / N) * Math.abs(mean((i) => top1[i]!) - mean(confidence));
      expect(all.calibration[b]).toMatchObject({ n: inside.length, accuracy: mean((i) => top1[i]!) });
    }
    expect(all.ece).toBeCloseTo(ece, 14);
    expect(ece).toBeGreaterThan(0.01);
    expect(all.calibration[0]).toEqual({ low: 0, high: 1 / 15, n: 0, confidence: null, accuracy: null });
  });

  it("has precision, recall and F1 of each class, and their means", () => {
    for (const { index, n, predicted, correct, precision, recall, f1 } of all.perClass) {
      const count = (what: (i: number) => boolean): number => inOrder.filter(what).length;
      expect(n).toBe(count((i) => labels[i] === index));
      expect(predicted).toBe(count((i) => prediction[i] === index));
      expect(correct).toBe(count((i) => labels[i] === index && prediction[i] === index));
      if (n === 0) continue;
      expect([precision, recall]).toEqual([correct / predicted, correct / n]);
      expect(f1).toBeCloseTo((2 * precision! * recall!) / (precision! + recall!), 14);
    }
    // No picture shows it, but some were taken for it.
    expect(all.perClass[6]).toMatchObject({ class: "gum", n: 0, correct: 0, precision: 0, recall: null, f1: 0 });
    const shown = all.perClass.slice(0, 6);
    expect(all.macro.f1).toBeCloseTo(shown.reduce((sum, { f1 }) => sum + f1!, 0) / 6, 14);
  });

  it("leaves open what nothing speaks of", () => {
    const sums = detailedTally({ classes: CLASSES, samples: [{ ...samples[0]!, label: 1 }] });
    sums.add({ scores: scoreLogits(Float32Array.of(9, 0, 0, 0, 0, 0, 0), [1], 1, 7), samples: [0] });
    const [ash, birch, cedar] = sums.result().perClass;
    expect(ash).toMatchObject({ precision: 0, recall: null, f1: 0 });
    expect(birch).toMatchObject({ precision: null, recall: 0, f1: 0 });
    expect(cedar).toMatchObject({ precision: null, recall: null, f1: null });
  });

  it("has the cells of the confusion matrix, and the pairs confused most often", () => {
    const cells = new Map(all.confusion.map(([label, predicted, count]) => [`${label} ${predicted}`, count]));
    for (let a = 0; a < 7; a++) {
      for (let b = 0; b < 7; b++) {
        const count = inOrder.filter((i) => labels[i] === a && prediction[i] === b).length;
        expect(cells.get(`${a} ${b}`) ?? 0).toBe(count);
      }
    }
    const wrong = all.confusion.filter(([a, b]) => a !== b).map(([, , count]) => count);
    expect(all.mostConfused.map(({ count }) => count)).toEqual(wrong.sort((a, b) => b - a).slice(0, 10));
    const [{ label, predicted, count, n }] = all.mostConfused as [(typeof all.mostConfused)[number]];
    expect(cells.get(`${CLASSES.indexOf(label)} ${CLASSES.indexOf(predicted)}`)).toBe(count);
    expect(n).toBe(inOrder.filter((i) => CLASSES[labels[i]!] === label).length);
  });

  it("names the pictures of the largest losses", () => {
    const order = [...inOrder].sort((a, b) => loss[b]! - loss[a]! || a - b).slice(0, 10);
    expect(all.worst).toEqual(
      order.map((i) => ({
        name: `${i}.jpg`,
        path: `/x/${i}.jpg`,
        label: CLASSES[labels[i]!],
        predicted: CLASSES[prediction[i]!],
        probability: confidence(i),
        loss: loss[i],
      })),
    );
  });
});
