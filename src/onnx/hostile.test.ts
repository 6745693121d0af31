import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FixresError } from "../errors.js";
import { anatomyOf, inferenceGraph, loadModel } from "../models/index.js";
import { type Random, random } from "../random.js";
import { OPERATORS } from "./index.js";
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as Kind,
  type ModelProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from "./proto/onnx_pb.js";
import { edited } from "./proto.testing.js";

const GOLDEN = fileURLToPath(new URL("../../test/golden/onnx/", import.meta.url));
const whole = await readFile(join(GOLDEN, "residual.old.onnx"));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-hostile-"));
  for (const name of await readdir(GOLDEN))
    if (name.endsWith(".data")) await copyFile(join(GOLDEN, name), join(folder, name));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What reading a file says, null where it is a model; it must say so in one line, at once and without much memory. */
async function attempt(bytes: Uint8Array, what: string): Promise<string | null> {
  const path = join(folder, "hostile.onnx");
  await writeFile(path, bytes);
  const [started, memory] = [performance.now(), process.memoryUsage().rss];
  try {
    const model = await loadModel(path);
    anatomyOf(inferenceGraph(model, { resolution: model.input.resolution, batch: 2 }));
    return null;
  } catch (error) {
    expect(error, `${what}: ${(error as Error).stack}`).toBeInstanceOf(FixresError);
    const { message } = error as Error;
    expect(message, what).toMatch(/^[^\n\r]{1,4000}$/);
    return message;
  } finally {
    expect(performance.now() - started, what).toBeLessThan(SLOWEST_MS);
    expect(process.memoryUsage().rss - memory, what).toBeLessThan(2 ** 29);
  }
}

/** A second, and what a busy machine adds. */
const SLOWEST_MS = 4000;

const EXTREMES = [
  0n,
  -1n,
  1n,
  2n,
  7n,
  100n,
  2n ** 16n,
  2n ** 31n,
  2n ** 40n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const NAMES = [...new Set(Object.values(OPERATORS).flatMap(({ attributes }) => Object.keys(attributes)))];

const pick = <T>(stream: Random, list: readonly T[]): T => list[stream.integer(list.length)]!;
const extreme = (stream: Random): bigint => pick(stream, EXTREMES);
const int64 = (values: readonly bigint[]): Uint8Array => new Uint8Array(BigInt64Array.from(values).buffer);

/** Makes a tensor something else than it was. */
function spoil(stream: Random, tensor: TensorProto): void {
  switch (stream.integer(7)) {
    case 0:
      tensor.dims = tensor.dims.map((n) => (stream.integer(2) === 0 ? n : extreme(stream)));
      break;
    case 1:
      tensor.dims = [...tensor.dims, extreme(stream)];
      break;
    case 2:
      tensor.dataType = stream.integer(25);
      break;
    case 3:
      tensor.rawData = tensor.rawData.subarray(0, stream.integer(tensor.rawData.length + 1));
      break;
    case 4:
      Object.assign(tensor, { dataType: 8, stringData: [new Uint8Array(3)], rawData: new Uint8Array(0) });
      break;
    case 5: {
      const values = Array.from({ length: 1 + stream.integer(6) }, () => extreme(stream));
      Object.assign(tensor, { dataType: 7, dims: [BigInt(values.length)], rawData: int64(values) });
      break;
    }
    default:
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      tensor.externalData = [
        ["location", pick(stream, ["residual.new.onnx.data", "/etc/passwd", "../x", ".", "", "a\0b", "missing"])],
        ["offset", pick(stream, ["0", "4", "-1", "1e3", "9007199254740991", "99999999999999999999"])],
        ["length", pick(stream, ["4", "0", "-1", "9007199254740991", "99999999999999999999"])],
      ]
        .slice(0, 1 + stream.integer(3))
        .map(([key, value]) => create(StringStringEntryProtoSchema, { key: key!, value: value! }));
  }
}

/** Changes one thing of a model, at random. */
function change(stream: Random, { graph, opsetImport }: ModelProto): void {
  const { node: nodes, initializer, input, output } = graph!;
  const node = pick(stream, nodes);
  const names = [...nodes.flatMap((n) => n.output), ...initializer.map(({ name }) => name), "", "input", "no\nwhere"];
  switch (stream.integer(10)) {
    case 0:
      node.opType = pick(stream, [
        ...Object.keys(OPERATORS),
        "GroupNormalization",
        "Split",
        "Sum",
        "Shape",
        "Constant",
      ]);
      break;
    case 1:
      node.input = Array.from({ length: stream.integer(5) }, () => pick(stream, names));
      break;
    case 2:
      node.output = pick(stream, [[], [""], ["x", "x"], [...node.output, "a", "b", "c"]]);
      break;
    case 3:
      for (const attribute of node.attribute) {
        attribute.ints = attribute.ints.map(() => extreme(stream)).slice(stream.integer(2));
        Object.assign(attribute, { i: extreme(stream), f: pick(stream, [Number.NaN, Infinity, -1, 0]) });
      }
      break;
    case 4:
      for (const { t } of node.attribute) if (t) spoil(stream, t);
      break;
    case 5:
      node.attribute.push(
        create(AttributeProtoSchema, {
          name: pick(stream, [...NAMES, "split", "num_groups", "starts", "ends", "value"]),
          type: pick(stream, [Kind.INT, Kind.INTS, Kind.FLOAT, Kind.STRING, Kind.TENSOR, Kind.GRAPH]),
          i: extreme(stream),
          ints: [extreme(stream), extreme(stream)],
        }),
      );
      break;
    case 6:
      spoil(stream, pick(stream, initializer));
      break;
    case 7: {
      const type = pick(stream, [...input, ...output]).type?.value;
      if (type?.case !== "tensorType") break;
      if (stream.integer(3) === 0) type.value.elemType = stream.integer(20);
      for (const dim of type.value.shape?.dim ?? [])
        if (stream.integer(2) === 0) dim.value = { case: "dimValue", value: extreme(stream) };
      break;
    }
    case 8:
      nodes.splice(stream.integer(nodes.length), 0, pick(stream, nodes));
      break;
    default:
      opsetImport[0]!.version = BigInt(stream.integer(30));
  }
}

describe("a hostile ONNX file ends in one clear line, or is a model", () => {
  const all = ["residual", "inside", "next", "mobile"].flatMap((name) => [
    `${name}.old`,
    `${name}.old11`,
    `${name}.new`,
  ]);

  it.each(["residual.old", "dense.new"])("%s, cut short anywhere", async (name) => {
    const bytes = await readFile(join(GOLDEN, `${name}.onnx`));
    for (let length = 0; length < bytes.length; length += 1 + (length % 29))
      await attempt(bytes.subarray(0, length), `${name} cut at ${length}`);
  });

  it.each(all)("%s with bytes flipped", async (name) => {
    const bytes = await readFile(join(GOLDEN, `${name}.onnx`));
    const stream = random(1, name);
    for (let i = 0; i < 60; i++) {
      const flipped = Uint8Array.from(bytes);
      for (let n = stream.integer(4); n >= 0; n--) flipped[stream.integer(flipped.length)] = stream.integer(256);
      await attempt(flipped, `${name}, flips ${i}`);
    }
  });

  it.each(all)("%s with things changed", async (name) => {
    const bytes = await readFile(join(GOLDEN, `${name}.onnx`));
    const stream = random(2, name);
    let refused = 0;
    for (let i = 0; i < 150; i++) {
      const changed = edited(bytes, (model) => {
        for (let n = stream.integer(3); n >= 0; n--) change(stream, model);
      });
      if ((await attempt(changed, `${name}, change ${i}`)) !== null) refused++;
    }
    expect(refused).toBeGreaterThan(50);
  });
});

/** The classifier with nodes of its own before the first; `input` is renamed to what they give. */
const preceded = (
  nodes: readonly { op: string; inputs: string[]; outputs?: string[]; ints?: Record<string, bigint[]> }[],
  constants: Record<string, readonly bigint[]> = {},
): Uint8Array =>
  edited(whole, ({ graph }) => {
    const fed = graph!.input[0]!.name;
    for (const node of graph!.node) node.input = node.input.map((name) => (name === fed ? "made" : name));
    graph!.node = [
      ...nodes.map(({ op, inputs, outputs = ["made"], ints = {} }) =>
        create(NodeProtoSchema, {
          name: `own ${op}`,
          opType: op,
          input: inputs.map((name) => (name === "fed" ? fed : name)),
          output: outputs,
          attribute: Object.entries(ints).map(([name, list]) =>
            create(AttributeProtoSchema, {
              name,
              type: name === "num_groups" ? Kind.INT : Kind.INTS,
              ints: list,
              i: list[0],
            }),
          ),
        }),
      ),
      ...graph!.node,
    ];
    for (const [name, values] of Object.entries(constants))
      graph!.initializer.push(
        create(TensorProtoSchema, { name, dataType: 7, dims: [BigInt(values.length)], rawData: int64(values) }),
      );
  });

const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));

describe("no memory and no time is taken on a file's word", () => {
  const million = 10n ** 6n;
  it.each([
    [
      "Expand",
      preceded([{ op: "Expand", inputs: ["fed", "v"] }], { v: [million, 3n, 32n, 32n] }),
      "for 1 pictures; a classifier gives",
    ],
    [
      "Expand of one",
      preceded(
        [
          { op: "ReduceMean", inputs: ["fed"], outputs: ["one"] },
          { op: "Expand", inputs: ["one", "v"] },
        ],
        { v: [million, 3n, 1000n, 1000n] },
      ),
      "17179869184 elements are supported",
    ],
    [
      "Tile",
      preceded([{ op: "Tile", inputs: ["fed", "v"] }], { v: [million, 1n, 1000n, 1000n] }),
      "elements are supported",
    ],
    [
      "Pad",
      preceded([{ op: "Pad", inputs: ["fed", "v"] }], { v: [0n, 0n, million, million, 0n, 0n, 0n, 0n] }),
      "elements are supported",
    ],
    [
      "Resize",
      preceded([{ op: "Resize", inputs: ["fed", "", "", "v"] }], { v: [1n, 3n, million, million] }),
      "elements are supported",
    ],
    [
      "ConstantOfShape",
      preceded([{ op: "ConstantOfShape", inputs: ["v"] }], { v: [million, million] }),
      "is not supported",
    ],
    [
      "ConstantOfShape of less than nothing",
      preceded([{ op: "ConstantOfShape", inputs: ["v"] }], { v: [-1n] }),
      "has the shape [-1], which no tensor has",
    ],
    [
      "GroupNormalization",
      preceded([{ op: "GroupNormalization", inputs: ["fed", "v", "v"], ints: { num_groups: [2n ** 40n] } }], {
        v: [1n],
      }),
      "do not divide into 1099511627776 groups",
    ],
    ["Sum of nothing", preceded([{ op: "Sum", inputs: [] }]), "input 0 is missing"],
    [
      "a sum of very many",
      preceded([{ op: "Sum", inputs: many(2000, () => "fed") }]),
      "has 2000 inputs; 1024 are supported",
    ],
    [
      "more parts than outputs",
      preceded([{ op: "Split", inputs: ["fed", "v"] }], { v: many(1000, () => 0n) }),
      "has 1000 lengths for 1 parts",
    ],
    [
      "a million axes",
      preceded([{ op: "Unsqueeze", inputs: ["fed", "v"] }], { v: many(1e6, BigInt) }),
      "has 1000000 numbers, where a few an axis are needed",
    ],
    [
      "a million operands",
      preceded([{ op: "Max", inputs: many(1e6, () => "fed") }]),
      "parts of nodes, where 400000 are supported",
    ],
    [
      "a million nodes",
      preceded(many(1e6, (i) => ({ op: "Relu", inputs: ["fed"], outputs: [`r${i}`] }))),
      "nodes, where 20000 are supported",
    ],
    [
      "doubled 60 times",
      preceded(
        many(60, (i) => ({
          op: "Tile",
          inputs: [i === 0 ? "fed" : `t${i - 1}`, "v"],
          outputs: [i === 59 ? "made" : `t${i}`],
        })),
        { v: [2n, 1n, 1n, 1n] },
      ),
      "elements are supported",
    ],
    ["a cycle", preceded([{ op: "Add", inputs: ["fed", "made"] }]), 'needs "made", which nothing before it gives'],
  ])(
    "%s",
    async (what, bytes, text) => {
      expect(await attempt(bytes, what)).toContain(text);
    },
    30_000,
  );

  it("a chain of softmaxes, or of steps that might be normalisation, is as deep as it likes", async () => {
    const softmaxes = edited(whole, ({ graph }) => {
      const own = graph!.output[0]!.name;
      graph!.node.push(
        ...many(3000, (i) =>
          create(NodeProtoSchema, { opType: "Softmax", input: [i === 0 ? own : `s${i - 1}`], output: [`s${i}`] }),
        ),
      );
      graph!.output[0]!.name = "s2999";
    });
    expect(await attempt(softmaxes, "softmaxes")).toBeNull();
    const steps = many(3000, (i) => ({
      op: "Cast",
      inputs: [i === 0 ? "fed" : `c${i - 1}`],
      outputs: [i === 2999 ? "made" : `c${i}`],
    }));
    const casts = edited(preceded(steps), ({ graph }) => {
      for (const node of graph!.node)
        if (node.opType === "Cast")
          node.attribute = [create(AttributeProtoSchema, { name: "to", type: Kind.INT, i: 1n })];
    });
    expect(await attempt(casts, "casts")).toBeNull();
  }, 30_000);

  it("weights that many nodes share, listed one by one", async () => {
    const shared = edited(
      preceded(
        many(3000, (i) => ({
          op: "Add",
          inputs: [i === 0 ? "fed" : `a${i - 1}`, "w"],
          outputs: [i === 2999 ? "made" : `a${i}`],
        })),
      ),
      ({ graph }) => {
        graph!.initializer.push(
          create(TensorProtoSchema, { name: "w", dataType: 1, dims: [3n, 1n, 1n], floatData: [1, 2, 3] }),
        );
      },
    );
    expect(await attempt(shared, "shared")).toBeNull();
  });
});
