/* A student's step against PyTorch: test/golden/train/student.py made the golden values. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Batch, Source } from "../../data/index.js";
import { architecture, freshModel } from "../../models/index.js";
import { GraphBuilder } from "../../onnx/index.js";
import { openSession, packed } from "../../runtime/index.js";
import {
  crossEntropy,
  defaultTrainOptions,
  initialState,
  lessonOf,
  sgd,
  stepGraph,
  type TrainingData,
  trainingStep,
} from "../index.js";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/train/student.json", import.meta.url), "utf8"),
) as Record<"rows" | "features" | "classes" | "smoothing" | "rate" | "momentum", number> &
  Record<"labels" | "teacher" | "losses" | "weight", number[]>;
const { rows, features, classes, smoothing } = golden;

const source = (name: string, labels: readonly number[]): Source => ({
  name,
  classes: ["a", "b", "c"],
  samples: labels.map((label, i) => ({ path: `${name}/${i}`, name: String(i), label })),
  notes: [],
});
const train = source("labelled", golden.labels);
const likeliest = [0, 1, 2].map((i) => {
  const row = golden.teacher.slice(3 * i, 3 * i + 3);
  return row.indexOf(Math.max(...row));
});
const data: TrainingData = {
  train,
  val: train,
  taught: {
    source: source("unlabelled", likeliest),
    probabilities: Float32Array.from(golden.teacher),
    places: Int32Array.of(0, 1, 2),
    fingerprint: "x",
    teacher: "y",
  },
};
const options = {
  ...defaultTrainOptions({ resolution: 16, dropout: 0 }),
  batchSize: 2,
  unlabelledRatio: 1.5,
  labelSmoothing: smoothing,
};
const batch: Batch = {
  pixels: new Uint8Array(rows * 16 * 16 * 3),
  labels: Int32Array.from([...golden.labels, ...likeliest]),
  samples: Int32Array.of(0, 1, 2, 3, 4),
  count: rows,
  end: rows,
  bad: [],
};

describe("a student's step", () => {
  it("has the loss and the update of PyTorch, labelled pictures smoothed and a teacher's as they are", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [rows, features]);
    const weight = b.parameter("weight", [features, classes]);
    const labels = b.input("labels", "int32", [rows]);
    const targets = b.input("targets", "float32", [rows, classes]);
    const logits = b.op("MatMul", [x, weight])[0]!;
    const start = Float32Array.from({ length: features * classes }, (_, i) => Math.sin(0.4 * i));
    const optimizer = sgd({ momentum: golden.momentum, weightDecay: 0 });
    const network = { logits, statistics: [], noise: [] };
    // A smoothing of the graph's own is not added to targets.
    const own = { optimizer, labelSmoothing: 0.5, trainable: () => true, targets };
    const step = stepGraph(b, network, [x], labels, () => start, own);
    const session = await openSession(step.program, { where: "here", threads: 1 });
    await session.setState(initialState(step, optimizer, () => start));
    const { targets: fed, labels: fedLabels } = lessonOf(data, options).feeds(batch, 0);
    for (const [i, wanted] of golden.losses.entries()) {
      const { loss } = await session.run({
        x: Float32Array.from({ length: rows * features }, (_, k) => Math.sin(1.3 * k)),
        labels: fedLabels!,
        targets: fed!,
        ...step.scalars(i + 1, golden.rate),
      });
      expect(Number(loss![0])).toBeCloseTo(wanted, 5);
    }
    const found = (await session.getState()).weight as Float32Array;
    await session.dispose();
    for (const [i, wanted] of golden.weight.entries()) expect(found[i]).toBeCloseTo(wanted, 5);
  });

  it("has the loss of labels where targets are these", async () => {
    const b = new GraphBuilder();
    const logits = b.input("logits", "float32", [rows, classes]);
    const labels = b.input("labels", "int32", [rows]);
    const targets = b.input("targets", "float32", [rows, classes]);
    const both = {
      by: crossEntropy(b, logits, labels, smoothing, {}),
      to: crossEntropy(b, logits, labels, 0, { targets }),
    };
    const program = packed(
      { name: "loss", inputs: [logits, labels, targets], outputs: both },
      () => new Float32Array(0),
    );
    const session = await openSession(program, { where: "here" });
    const hard = lessonOf({ ...data, taught: { ...data.taught!, probabilities: null } }, options).feeds(batch, 0);
    const { by, to } = await session.run({
      logits: Float32Array.from({ length: rows * classes }, (_, i) => Math.cos(i)),
      labels: hard.labels!,
      targets: hard.targets!,
    });
    await session.dispose();
    expect(Number(to![0])).toBeCloseTo(Number(by![0]), 6);
  });

  it("takes as many pictures as both kinds are together", () => {
    const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), train.classes, 0);
    const { graph } = trainingStep(model, options);
    const shape = (name: string) => graph.inputs.find((input) => input.name === name)?.shape;
    expect([shape("pixels"), shape("labels"), shape("targets")]).toEqual([[5, 16, 16, 3], [5], [5, 3]]);
    expect(trainingStep(model, { ...options, unlabelledRatio: 0 }).graph.inputs.map(({ name }) => name)).not.toContain(
      "targets",
    );
  });
});

describe("what a student is fed", () => {
  it("is mixed as the pixels are: row i with row n - 1 - i", () => {
    const pure = lessonOf(data, options).feeds(batch, 0).targets!;
    const mixing = { ...options, mixup: 1 };
    const { targets, labels } = lessonOf(data, mixing).feeds(batch, 0);
    // The middle row is mixed with itself; of the first, the share follows from any entry.
    const share = (targets![0]! - pure[12]!) / (pure[0]! - pure[12]!);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
    for (let row = 0; row < rows; row++)
      for (let c = 0; c < classes; c++)
        expect(targets![3 * row + c]).toBeCloseTo(
          share * pure[3 * row + c]! + (1 - share) * pure[3 * (rows - 1 - row) + c]!,
          5,
        );
    expect(labels![0]).toBe(share >= 0.5 ? golden.labels[0] : likeliest[2]);
  });

  it("holds in every step so many of either kind, and goes round the teacher's before one comes again", () => {
    const many: TrainingData = {
      ...data,
      train: source("labelled", [0, 1, 2, 0, 1]),
      taught: { ...data.taught!, places: Int32Array.of(0, 1, 2, 2) },
    };
    const lesson = lessonOf(many, options);
    const others: number[] = [];
    for (let epoch = 0; epoch < 2; epoch++) {
      const order = [...lesson.order(epoch)];
      expect(order).toHaveLength(10);
      for (const step of [order.slice(0, 5), order.slice(5)]) {
        expect(step.slice(0, 2).every((sample) => sample < 5)).toBe(true);
        expect(step.slice(2).every((sample) => sample >= 5)).toBe(true);
        others.push(...step.slice(2).map((sample) => sample - 5));
      }
      expect(lesson.order(epoch)).toEqual(Int32Array.from(order));
    }
    // Twelve places of epochs of six: three passes of four, over the end of an epoch.
    for (let pass = 0; pass < 3; pass++) expect(others.slice(4 * pass, 4 * pass + 4).sort()).toEqual([0, 1, 2, 2]);
  });

  it("is refused where a ratio or the pictures are missing", () => {
    expect(() => lessonOf({ train, val: train }, options)).toThrow("unlabelledRatio is 1.5, but there are no pictures");
    expect(() => lessonOf(data, { ...options, unlabelledRatio: 0 })).toThrow("but unlabelledRatio is 0");
  });
});
