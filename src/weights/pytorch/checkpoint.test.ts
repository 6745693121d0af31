import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DataError } from "../../errors.js";
import { openWeights } from "../open.js";
import { openTorchCheckpoint } from "./checkpoint.js";

/** Written by PyTorch; test/golden/torch/make_checkpoints.py says how. */
const golden = (name: string): string => fileURLToPath(new URL(`../../../test/golden/torch/${name}`, import.meta.url));

/** Further files, with what make_reader_checkpoints.py saw in them: older pickles and newer, things beside the tensors, compression. */
const MORE = JSON.parse(readFileSync(golden("expected.json"), "utf8")) as {
  files: Record<string, { tensors: Record<string, { dtype: string; shape: number[]; data: number[] }> }>;
};

const A = Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1.25);
const EXPECTED = {
  float: ["float32", [2, 3], A],
  double: ["float64", [2, 3], A],
  half: ["float16", [2, 3], A],
  bfloat: ["bfloat16", [2, 3], A],
  long: ["int64", [2], BigInt64Array.of(-1n, 2n ** 40n)],
  int: ["int32", [1], Int32Array.of(7)],
  short: ["int16", [1], Int32Array.of(-5)],
  char: ["int8", [1], Int8Array.of(-128)],
  byte: ["uint8", [1], Uint8Array.of(255)],
  bool: ["bool", [2], Uint8Array.of(1, 0)],
  transposed: ["float32", [3, 2], Float32Array.of(0, 0.75, 0.25, 1, 0.5, 1.25)],
  every_second: ["float32", [5], Float32Array.of(1, 3, 5, 7, 9)],
  shared: ["float32", [2], Float32Array.of(3, 4)],
  scalar: ["float32", [], Float32Array.of(2.5)],
  empty: ["float32", [0, 3], new Float32Array(0)],
  parameter: ["float32", [3], Float32Array.of(0, 0.25, 0.5)],
} as const;

async function contents(path: string) {
  const source = await openTorchCheckpoint(path);
  const found: Record<string, unknown> = {};
  for (const [name, tensor] of source.tensors) found[name] = [tensor.dtype, tensor.shape, (await tensor.read()).data];
  await source.close();
  return { found, notes: source.notes };
}

describe("a checkpoint of PyTorch", () => {
  it.each(["zip.pth", "legacy.pth"])("%s: every type, windows on storages, storages that are shared", async (name) => {
    const { found, notes } = await contents(golden(name));
    expect(found).toEqual(EXPECTED);
    expect(notes).toEqual([]);
  });

  it.each(Object.entries(MORE.files))("%s, as PyTorch has it", async (name, { tensors }) => {
    const { found } = await contents(golden(name));
    expect(Object.keys(found)).toEqual(Object.keys(tensors));
    for (const [key, { dtype, shape, data }] of Object.entries(tensors)) {
      const [type, dimensions, values] = found[key] as [string, number[], ArrayLike<number | bigint>];
      expect([type, dimensions], key).toEqual([dtype, shape]);
      const asFloat32 = dtype.includes("float") ? Math.fround : (value: number) => value;
      expect(Array.from(values, Number), key).toEqual(data.map(asFloat32));
    }
  });

  it("takes averaged weights before others, strips what a wrapper put before names, and says both", async () => {
    const { found, notes } = await contents(golden("nested.pth"));
    expect(found).toEqual(EXPECTED);
    expect(notes).toEqual([
      'takes "state_dict_ema" of the checkpoint (it has state_dict too)',
      'strips "module." from every name',
    ]);
  });

  it("is told from safetensors by its first bytes, whatever it is called", async () => {
    for (const name of ["zip.pth", "legacy.pth"]) {
      const source = await openWeights(golden(name));
      expect(source.tensors.size).toBe(Object.keys(EXPECTED).length);
      await source.close();
    }
  });

  it("may have been saved without checksums", async () => {
    expect((await contents(golden("no_checksums.pth"))).found).toEqual({ a: ["float32", [2, 3], A] });
  });

  it("must hold tensors by name", async () => {
    await expect(openTorchCheckpoint(golden("no_tensors.pth"))).rejects.toThrow(
      new DataError(
        `checkpoint "${golden("no_tensors.pth")}" holds no tensors by name, at its top or under state_dict_ema, model_ema, ema, state_dict, model; save a state_dict.`,
      ),
    );
  });
});
