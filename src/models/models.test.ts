import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError, RequestError } from "../errors.js";
import { GraphBuilder, nodesFor, serialize } from "../onnx/index.js";
import { openSession, type Program } from "../runtime/index.js";
import { readSafetensors } from "../weights/index.js";
import {
  ARCHITECTURES,
  architecture,
  blocksOf,
  efficientnet,
  expectedClasses,
  familyTable,
  freshModel,
  inferenceGraph,
  inferenceProgram,
  initialWeights,
  loadModel,
  networkMultiplyAdds,
  parameterCount,
  saveModel,
  scaledChannels,
  usualBatch,
} from "./index.js";

const SMALL = architecture("efficientnet_b0", { width: 0.25, depth: 0.25 });

describe("the family", () => {
  it("has the parameters that timm counts", () => {
    const counts = Object.fromEntries(familyTable().map(({ name, params }) => [name, params]));
    expect(counts).toMatchObject({
      efficientnet_b0: 5_288_548,
      efficientnet_b1: 7_794_184,
      efficientnet_b2: 9_109_994,
      efficientnet_b3: 12_233_232,
      efficientnet_b4: 19_341_616,
      efficientnet_b5: 30_389_784,
      efficientnet_b6: 43_040_704,
      efficientnet_b7: 66_347_960,
      efficientnet_b8: 87_413_142,
      efficientnet_l2: 480_309_308,
      efficientnet_lite0: 4_652_008,
      efficientnet_lite1: 5_416_680,
      efficientnet_lite2: 6_092_072,
      efficientnet_lite3: 8_197_096,
      efficientnet_lite4: 13_006_568,
    });
    expect(counts.tf_efficientnet_b0).toBe(counts.efficientnet_b0);
  });

  it("is evaluated 16 pictures at a time, and fewer where one takes very much", () => {
    const usual = (name: string, resolution: number): number =>
      usualBatch({ ...freshModel(SMALL, ["a"], 0), arch: architecture(name) }, resolution);
    expect([usual("efficientnet_b0", 224), usual("efficientnet_b3", 300)]).toEqual([16, 16]);
    expect([usual("efficientnet_b7", 600), usual("tf_efficientnet_l2", 475), usual("tf_efficientnet_l2", 800)]).toEqual(
      [3, 2, 1],
    );
  });

  it("has the multiply-adds of the paper: 0.39 billion for B0 (arXiv 1905.11946, table 2)", () => {
    expect(networkMultiplyAdds(architecture("efficientnet_b0"), 1000, 224) / 1e9).toBeCloseTo(0.39, 2);
  });

  it("rounds channels to multiples of 8, never below 90%", () => {
    expect([32, 16, 24, 40].map((c) => scaledChannels(c, 1.1))).toEqual([32, 16, 24, 48]);
    expect(scaledChannels(16, 0.25)).toBe(8);
    for (let width = 0.1; width < 5; width += 0.07) {
      const channels = scaledChannels(112, width);
      expect(channels % 8).toBe(0);
      expect(channels).toBeGreaterThanOrEqual(0.9 * 112 * width);
    }
  });

  it("takes any width and depth", () => {
    const arch = architecture("efficientnet_b0", { width: 0.5, depth: 0.5 });
    expect(blocksOf(arch)).toHaveLength(10);
    expect(parameterCount(arch, 10)).toBeLessThan(parameterCount(architecture("efficientnet_b0"), 10));
  });

  it.each([
    ["efficientnet_b9", {}, /"efficientnet_b9" is unknown; choose one of efficientnet_b0,/],
    ["efficientnet_b0", { width: 0 }, /width is 0; .* such as 0.5/],
    ["efficientnet_b0", { depth: -1 }, /depth is -1/],
  ])("refuses %s %j", (name, scale, text) => {
    expect(() => architecture(name, scale)).toThrow(RequestError);
    expect(() => architecture(name, scale)).toThrow(text);
  });

  it.each(ARCHITECTURES.filter((name) => /b[08]$/.test(name)))("%s takes odd resolutions", (name) => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [1, 3, 97, 75]);
    const { logits, trunk } = efficientnet(b, x, architecture(name), { classes: 5 });
    expect(logits.shape).toEqual([1, 5]);
    expect(trunk.shape.slice(2)).toEqual([4, 3]);
    expect(nodesFor([logits]).some(({ op }) => op === "Conv")).toBe(true);
  });
});

describe("the reference initialisation", () => {
  const weights = initialWeights(architecture("efficientnet_b0"), 1000, 0);
  const deviation = (name: string): number => {
    const data = weights.get(name)!.data as Float32Array;
    return Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
  };

  it.each([
    ["conv_head.weight", Math.sqrt(2 / 1280)],
    ["blocks.1.0.conv_pw.weight", Math.sqrt(2 / 96)],
    ["conv_stem.weight", Math.sqrt(2 / (9 * 32))],
    ["blocks.5.0.conv_dw.weight", Math.sqrt(2 / 25)],
    ["classifier.weight", 1 / Math.sqrt(3 * 1000)],
  ])("%s has the deviation of its fan-out", (name, wanted) => {
    expect(deviation(name) / wanted).toBeGreaterThan(0.9);
    expect(deviation(name) / wanted).toBeLessThan(1.1);
  });

  const values = (name: string): Set<number> => new Set(weights.get(name)!.data as Float32Array);

  it("starts norms as the identity and biases at 0", () => {
    expect(values("bn1.weight")).toEqual(new Set([1]));
    expect(values("bn1.running_var")).toEqual(new Set([1]));
    expect(values("bn1.running_mean")).toEqual(new Set([0]));
    expect(values("classifier.bias")).toEqual(new Set([0]));
  });

  it("is a function of the seed", () => {
    expect(initialWeights(SMALL, 3, 5)).toEqual(initialWeights(SMALL, 3, 5));
    expect(initialWeights(SMALL, 3, 5)).not.toEqual(initialWeights(SMALL, 3, 6));
  });
});

describe("the model directory", () => {
  let directory: string;
  const at = (...names: string[]): string => join(directory, ...names);
  const model = freshModel(SMALL, ["cat", "dog", "owl"], 2);
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-model-"));
    await saveModel(at("model"), model);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("gives back what was put in, scaled as it was", async () => {
    const { tensors, ...loaded } = await loadModel(at("model"));
    const { tensors: saved, ...rest } = model;
    expect(loaded).toEqual(rest);
    for (const [name, { data }] of saved) expect(tensors.get(name)!.data, name).toEqual(data);
  });

  it("is all that a graph of some kilobytes needs: its weights stay in the safetensors file", async () => {
    const { index, bytes } = await readSafetensors(at("model", "weights.safetensors"));
    const size = { resolution: 32, batch: 2 };
    const graph = inferenceGraph(model, size);
    const file = serialize(graph, {
      bind({ name }) {
        const { offset, length } = index.get(name)!;
        return { kind: "file", location: "weights.safetensors", offset, length };
      },
    });
    expect(file.length).toBeLessThan(bytes.length / 4);
    const pixels = Uint8Array.from({ length: 2 * 32 * 32 * 3 }, (_, i) => (i * 7919) % 256);
    const logits = async (program: Program) => {
      const session = await openSession(program, { where: "here", threads: 1 });
      const results = await session.run({ pixels });
      await session.dispose();
      return results.logits;
    };
    const external = [{ path: "weights.safetensors", data: bytes }];
    expect(await logits({ model: file, external })).toEqual(await logits(inferenceProgram(model, size)));
  });

  it("knows only the number of classes while it is merely initialised", () => {
    expect(expectedClasses(model)).toBe(3);
    expect(expectedClasses({ ...model, provenance: [...model.provenance, { what: "trained" }] })).toEqual(
      model.classes,
    );
  });

  const broken = async (name: string, change: (spec: Record<string, unknown>) => void): Promise<string> => {
    await saveModel(at(name), model);
    const spec = JSON.parse(await readFile(at(name, "model.json"), "utf8"));
    change(spec);
    await writeFile(at(name, "model.json"), JSON.stringify(spec));
    return at(name);
  };

  it("names what does not fit", async () => {
    const other = await broken("other", (spec) => {
      spec.width = 0.5;
    });
    await expect(loadModel(other)).rejects.toThrow(
      /does not hold the weights of efficientnet_b0 with 3 classes: "conv_stem.weight" is \[8, 3, 3, 3\] where \[16, 3, 3, 3\] is needed.*and \d+ more/,
    );
    const ratio = await broken("ratio", (spec) => {
      spec.input = { ...(spec.input as object), cropRatio: "wide" };
    });
    await expect(loadModel(ratio)).rejects.toThrow(/input\.cropRatio is "wide"/);
    await expect(loadModel(at("nowhere"))).rejects.toThrow(DataError);
    await expect(loadModel(at("model", "model.json"))).rejects.toThrow(/is a file; give a model directory/);
  });
});
