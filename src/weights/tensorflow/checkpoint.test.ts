import { readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../../errors.js";
import { openWeights } from "../open.js";
import { block, entry, header, table, writeBundle } from "./bundle.testing.js";
import { maskedChecksum } from "./checksum.js";
import { tensorflowPrefix } from "./prefix.js";
import { variables } from "./variables.js";

/** Written by TensorFlow; test/golden/tensorflow/make_checkpoints.py says how. */
const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../test/golden/tensorflow/${name}`, import.meta.url));

const EXPECTED = JSON.parse(readFileSync(golden("expected.json"), "utf8")) as {
  types: Record<string, { dtype: string; shape: number[]; data: number[] }>;
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-tensorflow-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("a checkpoint of TensorFlow", () => {
  it("has every type; what is no number, or is in parts, is listed and refused when it is read", async () => {
    const source = await openWeights(golden("types.ckpt"));
    expect(source.notes).toEqual(['strips "types/" from every name']);
    const refused: string[] = [];
    for (const [name, tensor] of source.tensors) {
      const expected = EXPECTED.types[`types/${name}`];
      if (expected === undefined) {
        refused.push(name);
        await expect(tensor.read()).rejects.toThrow(DataError);
        continue;
      }
      const { dtype, shape, data } = expected;
      expect([tensor.dtype, tensor.shape], name).toEqual([dtype, shape]);
      const asFloat32 = dtype.includes("float") ? Math.fround : (value: number) => value;
      expect(Array.from((await tensor.read()).data, Number), name).toEqual(data.map(asFloat32));
    }
    expect(source.tensors.size).toBe(refused.length + Object.keys(EXPECTED.types).length);
    expect(refused).toEqual(["complex64", "in_parts", "string"]);
    await expect(source.tensors.get("in_parts")!.read()).rejects.toThrow("was saved in parts, which is not read yet");
    await expect(source.tensors.get("string")!.read()).rejects.toThrow("holds string, which is not read");
  });

  it("gives averages, without the optimizer's slots, and says so", async () => {
    const source = await openWeights(golden("training"));
    expect(source.notes).toEqual([
      "leaves out 27 slots of the optimizer and counters",
      "takes the ExponentialMovingAverage of 140 of 140",
      'strips "efficientnet-b0/" from every name',
    ]);
    expect(source.tensors.size).toBe(140);
    // The script saved values as averages, and values + 1 beside them.
    const { data } = await source.tensors.get("stem/tpu_batch_normalization/moving_variance")!.read();
    for (const value of data as Float32Array) expect(value).toBeLessThan(1.5);
  });

  it("may lie in several data files", async () => {
    const source = await openWeights(golden("parts/model.ckpt"));
    expect([source.tensors.size, source.notes]).toEqual([140, []]);
    for (const tensor of source.tensors.values()) await tensor.read();
  });

  it("may have several blocks in its index, and gaps between tensors", async () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const checksum = maskedChecksum(bytes.subarray(12));
    const [first, second] = [
      entry({ shape: [1], size: 4, checksum: maskedChecksum(bytes.subarray(0, 4)) }),
      entry({ shape: [1], offset: 12, size: 4, checksum }),
    ];
    const prefix = join(folder, "blocks");
    await writeBundle(prefix, [], bytes);
    await writeFile(
      `${prefix}.index`,
      table([block([["", header()]]), block([["net/a", first]]), block([["net/b", second]])]),
    );
    const source = await openWeights(prefix);
    const found = [...source.tensors].map(async ([name, tensor]) => [name, (await tensor.read()).data]);
    expect(await Promise.all(found)).toEqual([
      ["a", Float32Array.of(1)],
      ["b", Float32Array.of(4)],
    ]);
  });
});

describe("variables", () => {
  const found = (...names: string[]) => {
    const { tensors, notes } = variables(new Map(names.map((name) => [name, name])));
    return { tensors: Object.fromEntries(tensors), notes };
  };

  it("takes averages alone where nothing else was saved", () => {
    expect(found("a/x/ExponentialMovingAverage", "a/y/ExponentialMovingAverage").tensors).toEqual({
      x: "a/x/ExponentialMovingAverage",
      y: "a/y/ExponentialMovingAverage",
    });
  });

  it("says how many have no average", () => {
    const { tensors, notes } = found("x", "x/ExponentialMovingAverage", "y", "x/RMSProp_1", "global_step");
    expect(tensors).toEqual({ x: "x/ExponentialMovingAverage", y: "y" });
    expect(notes).toEqual([
      "leaves out 2 slots of the optimizer and counters",
      "takes the ExponentialMovingAverage of 1 of 2",
    ]);
  });

  it("strips whole scopes, however many, and never a name", () => {
    expect(found("net/model/stem/a", "net/model/stem_1/a")).toEqual({
      tensors: { "stem/a": "net/model/stem/a", "stem_1/a": "net/model/stem_1/a" },
      notes: ['strips "net/model/" from every name'],
    });
    expect(found("stem/a", "head/a").notes).toEqual([]);
    expect(found("net/stem").tensors).toEqual({ stem: "net/stem" });
    expect(found("/a", "b").tensors).toEqual({ "/a": "/a", b: "b" });
    expect(found().tensors).toEqual({});
  });
});

describe("the path of a checkpoint", () => {
  it("is its prefix, any of its files, its folder, or that folder's file `checkpoint`", async () => {
    const prefix = golden("training/model.ckpt");
    for (const path of [prefix, `${prefix}.index`, `${prefix}.data-00000-of-00001`, `${prefix}.meta`])
      expect(await tensorflowPrefix(path), path).toBe(prefix);
    for (const path of [golden("training"), golden("training/checkpoint")])
      expect(await tensorflowPrefix(path), path).toBe(prefix);
  });

  it("is none of TensorFlow's for other files", async () => {
    for (const path of [golden("expected.json"), golden("../torch/zip.pth"), join(folder, "nowhere")])
      expect(await tensorflowPrefix(path), path).toBeNull();
    const other = join(await mkdtemp(join(folder, "other-")), "checkpoint");
    await copyFile(golden("../torch/zip.pth"), other);
    expect(await tensorflowPrefix(other)).toBeNull();
  });

  const last = async (text: string): Promise<string | null> => {
    const inside = join(folder, "last");
    await mkdir(inside, { recursive: true });
    await writeFile(join(inside, "checkpoint"), text);
    return tensorflowPrefix(inside);
  };

  it.each([
    ["its name", 'model_checkpoint_path: "model.ckpt-1"', "model.ckpt-1"],
    [
      "a folder within",
      'all_model_checkpoint_paths: "a"\nmodel_checkpoint_path: "deeper/./model.ckpt"\n',
      "deeper/model.ckpt",
    ],
    ["what is escaped", 'model_checkpoint_path: "\\303\\251\\"x\\\\"', 'é"x\\'],
  ])("is found in the file `checkpoint` by %s", async (_, text, name) => {
    expect(await last(text)).toBe(join(folder, "last", name));
  });

  it.each([
    ["above", "../other/model.ckpt"],
    ["above by a detour", "deeper/../../model.ckpt"],
    ["elsewhere", "/etc/model.ckpt"],
    ["the folder itself", "."],
    ["the folder above", ".."],
    ["a name that ends within", "model\\000.ckpt"],
    ["a name of two lines", "model\\012.ckpt"],
  ])("must not lead %s", async (_, name) => {
    const found = last(`model_checkpoint_path: "${name}"\n`);
    await expect(found).rejects.toThrow(DataError);
    await expect(found).rejects.toThrow(/^"[^\n]*checkpoint" names "[^\n]*", which is not within its folder; give the/);
  });

  it.each([
    ["nothing", ""],
    ["a word", "nothing"],
    ["a name without an end", 'model_checkpoint_path: "no end'],
    ["a long binary file", "\0".repeat(100_000)],
  ])("must be named: %s", async (_, text) => {
    await expect(last(text)).rejects.toThrow("names no model_checkpoint_path; give the prefix");
  });

  it("says what is missing", async () => {
    await expect(openWeights(folder)).rejects.toThrow(`"${folder}" is a folder without a file "checkpoint"; give`);
    await expect(openWeights(join(folder, "no.index"))).rejects.toThrow("does not exist");
    const alone = join(folder, "alone.data-00000-of-00001");
    await writeFile(alone, "");
    await expect(openWeights(alone)).rejects.toThrow('alone.index" is missing; fetch that too');
    await copyFile(golden("parts/model.ckpt.index"), join(folder, "parts.index"));
    await expect(openWeights(join(folder, "parts"))).rejects.toThrow(
      `checkpoint "${join(folder, "parts")}" lacks its data file "parts.data-00000-of-00003", number 1 of 3; fetch it too.`,
    );
  });
});
