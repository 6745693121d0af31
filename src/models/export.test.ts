import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataError, FailedError } from "../errors.js";
import { GraphBuilder, parseModel, serialize } from "../onnx/index.js";
import { openSession } from "../runtime/index.js";
import { architecture, checkExport, exportOnnx, freshModel, inferenceProgram, loadModel } from "./index.js";

const model = freshModel(architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }), ["cat", "dog"], 1);
const options = { resolution: 33, batch: 2 };

describe("exportOnnx", () => {
  it("is one file that says what it is and computes what the model does", async () => {
    const file = exportOnnx(model, options);
    const { arch, classes, input } = JSON.parse(parseModel(file).metadata["fixres-model"]!);
    expect({ arch, classes }).toEqual({ arch: "tf_efficientnet_b0", classes: ["cat", "dog"] });
    expect(input).toEqual({ ...model.input, resolution: 33 });
    const pixels = Uint8Array.from({ length: 2 * 33 * 33 * 3 }, (_, i) => (i * 7919) % 256);
    const logits = await Promise.all(
      [{ model: file }, inferenceProgram(model, options)].map(async (program) => {
        const session = await openSession(program, { where: "here", threads: 1 });
        const results = await session.run({ pixels });
        await session.dispose();
        return results.logits;
      }),
    );
    expect(logits[0]).toEqual(logits[1]);
    expect(await checkExport(file, model, options)).toBe(0);
  });

  it("is a model wherever one is taken", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fixres-export-"));
    try {
      const path = join(folder, "model.onnx");
      await writeFile(path, exportOnnx(model, options));
      const loaded = await loadModel(path);
      expect({ ...loaded, tensors: null }).toEqual({
        ...model,
        input: { ...model.input, resolution: 33 },
        tensors: null,
      });
      expect(new Map(loaded.tensors)).toEqual(new Map(model.tensors));

      const b = new GraphBuilder();
      const x = b.input("x", "float32", [1]);
      await writeFile(path, serialize({ name: "other", inputs: [x], outputs: { y: b.add(x, x) } }));
      await expect(loadModel(path)).rejects.toThrow(DataError);
      await expect(loadModel(path)).rejects.toThrow('input "x" of model.onnx is [1] of ONNX');
      await writeFile(path, "nothing");
      await expect(loadModel(path)).rejects.toThrow(DataError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("is checked against its model", async () => {
    const other = freshModel(model.arch, model.classes, 2);
    const checking = checkExport(exportOnnx(other, options), model, options);
    await expect(checking).rejects.toThrow(FailedError);
    await expect(checking).rejects.toThrow(/logits differ from the model's by .*; it was not written\.$/);
  });
});
