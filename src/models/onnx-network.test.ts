import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError, ShapeError } from "../errors.js";
import { decodeModel, withValues } from "../onnx/index.js";
import { openSession } from "../runtime/index.js";
import {
  anatomyOf,
  IMAGENET_NORMALIZATION,
  inferenceGraph,
  inferenceProgram,
  isOnnxNetwork,
  loadModel,
  type Model,
  possibleBatch,
  type Size,
  saveModel,
} from "./index.js";

const GOLDEN = fileURLToPath(new URL("../../test/golden/onnx/", import.meta.url));
const golden = (name: string): string => join(GOLDEN, `${name}.onnx`);

/** Logits by PyTorch; test/golden/onnx/make_models.py says how. */
const EXPECTED = JSON.parse(await readFile(join(GOLDEN, "expected.json"), "utf8")) as Record<
  string,
  { batch: number; side: number; logits: number[] }[]
>;

const FILES = Object.keys(EXPECTED).flatMap((name) => ["old", "old11", "new"].map((exporter) => ({ name, exporter })));

/** The picture of make_models.py. */
const picture = ({ batch, resolution }: Size): Uint8Array =>
  Uint8Array.from({ length: batch * resolution ** 2 * 3 }, (_, i) => (i * 7919 + (i % 89) * 57) % 256);

async function logitsOf(model: Model, size: Size): Promise<Float32Array> {
  const session = await openSession(inferenceProgram(model, size), { where: "here", threads: 1 });
  try {
    return (await session.run({ pixels: picture(size) })).logits as Float32Array;
  } finally {
    await session.dispose();
  }
}

/** Softmax over each 5 scores. */
const probabilities = (scores: Float32Array): number[] =>
  Array.from(scores, (score, i) => {
    const own = scores.subarray(i - (i % 5), i - (i % 5) + 5);
    return Math.exp(score) / own.reduce((sum, s) => sum + Math.exp(s), 0);
  });

describe.each(FILES)("$name of the exporter $exporter", ({ name, exporter }) => {
  it("computes what PyTorch does, for other numbers of pictures and other resolutions than it was exported for", async () => {
    const model = await loadModel(golden(`${name}.${exporter}`));
    for (const { batch, side, logits } of EXPECTED[name]!) {
      const scores = await logitsOf(model, { batch, resolution: side });
      // It ends in a softmax, which is left off.
      const found = name === "inside" ? probabilities(scores) : scores;
      expect(found).toHaveLength(logits.length);
      const largest = Math.max(...logits.map(Math.abs));
      logits.forEach((value, i) => {
        expect(Math.abs(found[i]! - value) / largest).toBeLessThan(1e-5);
      });
    }
  });

  it("has its parts found", async () => {
    const model = await loadModel(golden(`${name}.${exporter}`));
    const { classifier, norm, pooling } = anatomyOf(inferenceGraph(model, { batch: 2, resolution: 32 }));
    expect(classifier.node.op).toBe(name === "squeeze" ? "Conv" : "Gemm");
    expect(classifier.parameters.map(({ shape }) => shape[0])).toEqual([5, 5]);
    expect(pooling?.op).toMatch(/Pool|ReduceMean/);
    const kind = norm === null ? "none" : norm.node === null ? "folded" : "explicit";
    expect(kind).toBe({ dense: "explicit", next: "none" }[name] ?? "folded");
    const channels = { residual: 16, inside: 16, dense: 18, mobile: 24, squeeze: 16, fixed: 8 }[name];
    expect((norm?.node ?? norm?.conv)?.outputs[0]?.shape[1]).toBe(channels);
  });
});

it("says how pictures are normalised, and not twice", async () => {
  const inside = await loadModel(golden("inside.new"));
  expect(inside.notes).toEqual([
    "normalisation is inside the network (mean 123.7 116.3 103.5, std 58.4 57.12 57.37): pictures go in as 0..255, and are not normalised again",
    "the file does not name its 5 classes; they are called by their number",
  ]);
  expect(inside.input).toMatchObject({ resolution: 32, mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] });
  const outside = await loadModel(golden("residual.old"));
  expect(outside.notes).toContain(
    "the file does not say how pictures are normalised; ImageNet's mean and standard deviation are assumed (--mean, --std)",
  );
  expect(outside.input).toMatchObject(IMAGENET_NORMALIZATION);
});

it("names the node that forbids a resolution", async () => {
  const model = await loadModel(golden("fixed.old"));
  const wanted = () => inferenceGraph(model, { batch: 1, resolution: 64 });
  expect(wanted).toThrow(ShapeError);
  expect(wanted).toThrow('Gemm "/fc/Gemm" of [1, 32], [5, 8], [5]: inner dimensions 32 and 8 differ.');
});

it("takes as many pictures as are asked for", async () => {
  const model = await loadModel(golden("residual.old"));
  expect(possibleBatch(model, { batch: 7, resolution: 32 })).toBe(7);
});

describe("a model directory", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-onnx-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each(["residual.new", "mobile.old11"])("keeps %s as the graph that it is, with its values", async (name) => {
    const model = await loadModel(golden(name));
    const changed: Model = {
      ...model,
      classes: ["a", "b", "c", "d", "e"],
      input: { ...model.input, resolution: 45 },
      tensors: new Map(
        [...model.tensors].map(([key, tensor]) => [
          key,
          key.includes("fc") ? { ...tensor, data: (tensor.data as Float32Array).map((v) => 2 * v) } : tensor,
        ]),
      ),
    };
    const place = join(directory, name);
    await saveModel(place, changed);
    const size = { batch: 2, resolution: 32 };
    const [before, after] = [await logitsOf(model, size), await logitsOf(await loadModel(place), size)];
    after.forEach((value, i) => {
      expect(value).toBeCloseTo(2 * before[i]!, 4);
    });
    const read = await loadModel(place);
    expect(read).toMatchObject({ classes: changed.classes, input: changed.input });
    // The file is a model by itself.
    const alone = await loadModel(join(place, "model.onnx"));
    expect(alone).toMatchObject({ classes: changed.classes, input: changed.input });
    expect(await logitsOf(alone, size)).toEqual(after);
    const nodes = (bytes: Uint8Array) => decodeModel(bytes).graph.node.map(({ opType }) => opType);
    const before2 = nodes(await readFile(golden(name))).filter((op) => op !== "Identity");
    expect(nodes(await readFile(join(place, "model.onnx")))).toEqual(before2);
  });

  it("refuses weights that lie outside the folder of their model, by a path or by a link", async () => {
    const place = join(directory, "hostile");
    await mkdir(place);
    const data = await readFile(golden("residual.new"));
    await symlink("/etc/passwd", join(place, "residual.new.onnx.data"));
    await writeFile(join(place, "linked.onnx"), data);
    await expect(loadModel(join(place, "linked.onnx"))).rejects.toThrow(
      'keeps weights in "residual.new.onnx.data", which leaves the model\'s folder; this is refused.',
    );
    for (const location of ["/etc/passwd", "../hostile/x", "missing.data"]) {
      const file = decodeModel(data);
      for (const { externalData } of file.graph.initializer)
        for (const entry of externalData) if (entry.key === "location") entry.value = location;
      await writeFile(join(place, "moved.onnx"), withValues(file, new Map(), {}));
      await expect(loadModel(join(place, "moved.onnx"))).rejects.toThrow(DataError);
    }
  });

  it("says where external weights are too short", async () => {
    const place = join(directory, "short");
    await mkdir(place);
    await writeFile(join(place, "residual.new.onnx"), await readFile(golden("residual.new")));
    await writeFile(join(place, "residual.new.onnx.data"), new Uint8Array(100));
    await expect(loadModel(join(place, "residual.new.onnx"))).rejects.toThrow(
      /tensor ".*" of ".*" is at \d+ to \d+ of "residual.new.onnx.data", which has 100 bytes; fetch both files again/,
    );
  });

  it("refuses other numbers of class names than outputs", async () => {
    const path = join(directory, "wrong.onnx");
    const model = await loadModel(golden("residual.old"));
    if (!isOnnxNetwork(model.arch)) throw new Error("not an ONNX network");
    const spec = { format: "fixres-model-1", arch: "onnx", classes: ["a"], input: model.input, provenance: [] };
    await writeFile(path, withValues(model.arch.file, new Map(), { "fixres-model": JSON.stringify(spec) }));
    await expect(loadModel(path)).rejects.toThrow("has 5 outputs, but 1 class names.");
  });
});
