import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, freshModel, loadModel, type Model } from "../models/index.js";
import { openSession } from "../runtime/index.js";
import { divided, topProgram, tuneMode } from "./index.js";
import { linearTop } from "./linear.js";

const efficientnet = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 3);
const golden = (name: string): Promise<Model> =>
  loadModel(fileURLToPath(new URL(`../../test/golden/onnx/${name}.onnx`, import.meta.url)));

describe("linearTop", () => {
  it.each([
    ["an EfficientNet", async () => efficientnet],
    ["an ONNX classifier of the old exporter", () => golden("next.old")],
    ["an ONNX classifier of the new exporter", () => golden("next.new")],
  ])("is what the top of %s computes, and goes back to where it came from", async (_, load) => {
    const model = await load();
    const division = divided(model, tuneMode("classifier"), { resolution: model.input.resolution, batch: 2 });
    const linear = linearTop(division, model);
    const { weight, bias } = linear.read(model);
    const features = Float32Array.from({ length: 2 * linear.width }, (_, i) => Math.sin(i));
    const session = await openSession(topProgram(division, model), { where: "here", threads: 1 });
    const { logits } = await session.run({ [division.features[0]!.name]: features });
    await session.dispose();
    for (let row = 0; row < 2; row++) {
      for (const [c, b] of bias.entries()) {
        let sum = b;
        for (let i = 0; i < linear.width; i++) sum += weight[c * linear.width + i]! * features[row * linear.width + i]!;
        expect(Math.abs(sum - (logits![row * bias.length + c] as number))).toBeLessThan(1e-4);
      }
    }
    for (const [name, data] of Object.entries(linear.written({ weight, bias })))
      expect(data, name).toEqual(Float32Array.from(model.tensors.get(name)!.data as Float32Array));
  });

  it("refuses where more than the classifier is tuned", () => {
    const division = divided(efficientnet, tuneMode("classifier+bn"), { resolution: 32, batch: 2 });
    expect(() => linearTop(division, efficientnet)).toThrow(RequestError);
    expect(() => linearTop(division, efficientnet)).toThrow(
      /more than that is tuned here \(--tune\); give --solver sgd/,
    );
  });
});
