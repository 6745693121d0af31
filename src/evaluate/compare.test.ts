import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { random } from "../random.js";
import { compare, holm } from "./compare.js";
import { publishedResults } from "./published.js";
import { dataFingerprint, type EvaluationRecord, type RecordHead, type Row } from "./records/index.js";
import { pairedGain } from "./statistics.js";

const CLASSES = ["a", "b", "c"];
const N = 60;

/** A record of pictures 0 to N - 1, right with probability `skill`. */
function record(
  name: string,
  skill: number,
  seed: number,
  change: (row: Row) => Row | null = (row) => row,
): EvaluationRecord {
  const stream = random(seed, "record");
  const rows = Array.from({ length: N }, (_, i): Row => {
    const label = i % 3;
    const correct = stream.uniform() < skill;
    const first = correct ? label : (label + 1) % 3;
    return {
      ...{ id: `${CLASSES[label]}/${i}.png`, label, correct, correct5: true },
      ...{ top: [first, (first + 1) % 3, (first + 2) % 3], probability: [0.7, 0.2, 0.1], loss: correct ? 0.4 : 1.6 },
    };
  }).flatMap((row) => change(row) ?? []);
  const samples = rows.map(({ id, label }) => ({ name: id, path: id, label }));
  const source = { name: "val", classes: CLASSES, samples, notes: [] };
  const head: RecordHead = {
    format: "fixres-evaluation-1",
    versions: { fixres: "0", node: "0", engine: "0" },
    model: { name, arch: "tf_efficientnet_b0", parameters: 5_288_548, fingerprint: "0".repeat(64) },
    data: {
      name: "val",
      pictures: rows.length,
      labels: "folders",
      protocol: null,
      fingerprint: dataFingerprint(source),
    },
    settings: {
      ...{
        resolution: 224,
        cropRatio: 0.875,
        interpolation: "bicubic",
        cropMode: "center",
        mean: [0, 0, 0],
        std: [1, 1, 1],
      },
      ...{ batchSize: 16, device: "cpu", threads: null, onBadImage: "stop" },
    },
  };
  return { name, head, rows };
}

const quick = { resamples: 200 };

describe("compare", () => {
  const [weak, strong, other] = [record("weak", 0.5, 1), record("strong", 0.9, 2), record("other", 0.6, 3)];

  it("tests each against the first, and adjusts for their number", () => {
    const { rows, pairs, n, notes } = compare([weak, strong, other], quick);
    expect([n, notes]).toEqual([N, []]);
    expect(rows.map(({ model }) => model)).toEqual(["weak", "strong", "other"]);
    expect(rows[1]!.top1).toBe(strong.rows.filter(({ correct }) => correct).length / N);
    expect(pairs.map(({ first, second }) => [first, second])).toEqual([
      ["weak", "strong"],
      ["weak", "other"],
    ]);
    const right = ({ rows: own }: EvaluationRecord): number[] => own.map(({ correct }) => Number(correct));
    const gains = [strong, other].map((second) => pairedGain(right(weak), right(second)));
    expect(pairs.map(({ top1 }) => top1.pValue)).toEqual(gains.map(({ pValue }) => pValue));
    expect(pairs.map(({ top1 }) => top1.adjusted)).toEqual(holm(gains.map(({ pValue }) => pValue)));
    expect(pairs[0]!.loss.difference).toBeCloseTo(rows[1]!.loss - rows[0]!.loss, 12);
    expect(pairs[0]!.top5).toEqual({ difference: 0, ci95: [0, 0], pValue: 1, adjusted: 1 });
    expect(compare([weak, strong, other], { ...quick, pairs: "all" }).pairs).toHaveLength(3);
    expect(compare([weak], quick).pairs).toEqual([]);
  });

  it("matches pictures by name, in any order, and leaves out what not all have", () => {
    const turned = { ...strong, rows: strong.rows.toReversed() };
    expect(compare([weak, turned], quick).pairs).toEqual(compare([weak, strong], quick).pairs);
    const short = { ...strong, rows: strong.rows.slice(2) };
    const found = compare([weak, short], quick);
    expect(found.n).toBe(N - 2);
    expect(found.notes).toEqual(['2 pictures of "weak" are left out, which not all evaluations could read']);
  });

  it.each<[string, EvaluationRecord, string]>([
    [
      "labels",
      record("x", 0.5, 4, (row) => ({ ...row, label: row.id === "a/0.png" ? 2 : row.label })),
      '"a/0.png" has label 0 in the first and 2 in the second',
    ],
    [
      "names",
      record("x", 0.5, 4, (row) => ({ ...row, id: row.id.replace("a/0.", "a/x.") })),
      'the second has no picture "a/0.png"',
    ],
    [
      "number",
      record("x", 0.5, 4, (row) => (row.id === "b/1.png" ? null : row)),
      '60 and 59 pictures, such as "b/1.png" in one alone',
    ],
  ])("refuses other data and says what differs: %s", (_, second, message) => {
    const attempt = (): unknown => compare([weak, second], quick);
    expect(attempt).toThrow(DataError);
    expect(attempt).toThrow(`"weak" and "x" are not of the same data: ${message}`);
  });

  it("refuses other protocols and classes", () => {
    const real = { ...strong, head: { ...strong.head, data: { ...strong.head.data, labels: "real" as const } } };
    expect(() => compare([weak, real], quick)).toThrow("by the classes of folders, the second by ReaL labels");
    const fingerprint = { ...strong.head.data.fingerprint, classes: "1".repeat(64) };
    const classes = { ...strong, head: { ...strong.head, data: { ...strong.head.data, fingerprint } } };
    expect(() => compare([weak, classes], quick)).toThrow("their classes differ");
  });

  it("puts published results of the same data and architecture beside", () => {
    const none = compare([weak], { ...quick, published: "none" });
    expect(none.published).toEqual([]);
    const same = compare([weak], quick).published;
    expect(new Set(same.map(({ arch, protocol }) => `${arch} ${protocol}`))).toEqual(
      new Set(["efficientnet_b0 imagenet-val"]),
    );
    expect(
      same.find(({ model, training }) => model === "FixEfficientNet-B0" && training === "FixRes on AdvProp"),
    ).toMatchObject({
      kind: "published",
      top1: 0.793,
      top5: 0.946,
      resolution: 320,
    });
    expect(compare([weak], { ...quick, published: "all" }).published.length).toBe(54);
  });
});

// By hand: 0.005 times 4, 0.01 times 3, 0.03 times 2, and 0.04 no less than that.
it.each([
  [
    [0.01, 0.04, 0.03, 0.005],
    [0.03, 0.06, 0.06, 0.02],
  ],
  [
    [0.5, 0.9],
    [1, 1],
  ],
  [[0.02], [0.02]],
  [[], []],
])("holm(%j) is %j", (pValues, adjusted) => {
  expect(holm(pValues)).toEqual(adjusted.map((p) => expect.closeTo(p, 14)));
});

it("published results have their sources, and cover every protocol", () => {
  const rows = publishedResults();
  expect(rows.every(({ source, top1 }) => source.length > 10 && top1 > 0.5 && top1 < 1)).toBe(true);
  const count = (protocol: string): number => rows.filter((row) => row.protocol === protocol).length;
  expect([count("imagenet-val"), count("imagenet-real"), count("imagenet-v2")]).toEqual([54, 37, 36]);
});
