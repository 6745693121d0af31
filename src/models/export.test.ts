import { describe, expect, it } from "vitest";
import { FailedError } from "../errors.js";
import { parseModel } from "../onnx/index.js";
import { openSession } from "../runtime/index.js";
import { architecture, checkExport, exportOnnx, freshModel, inferenceProgram } from "./index.js";

const model = freshModel(architecture("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }), ["cat", "dog"], 1);
const options = { resolution: 33, batch: 2 };

describe("exportOnnx", () => {
  it("is one file that says what it is and computes what the model does", async () => {
    const file = exportOnnx(model, options);
    const { metadata } = parseModel(file);
    expect(metadata.arch).toBe("tf_efficientnet_b0");
    expect(JSON.parse(metadata.classes!)).toEqual(["cat", "dog"]);
    expect(JSON.parse(metadata.input!)).toEqual({ ...model.input, resolution: 33 });
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

  it("is checked against its model", async () => {
    const other = freshModel(model.arch, model.classes, 2);
    const checking = checkExport(exportOnnx(other, options), model, options);
    await expect(checking).rejects.toThrow(FailedError);
    await expect(checking).rejects.toThrow(/logits differ from the model's by .*; it was not written\.$/);
  });
});
