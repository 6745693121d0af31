import { expect, it, describe as suite } from "vitest";
import { DataError } from "../errors.js";
import { exportOnnx } from "../export/index.js";
import { architecture, freshModel } from "../models/index.js";
import { GraphBuilder, serialize } from "../onnx/index.js";
import { describe } from "./description.js";

function file(metadata: Record<string, string>): Uint8Array {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1]);
  return serialize({ name: "small", inputs: [x], outputs: { y: b.relu(x) } }, { metadata });
}
const withContent = (content: unknown) => file({ "fixres-model": JSON.stringify(content) });

const sound = {
  format: "fixres-model-1",
  classes: ["cat"],
  input: { resolution: 32, cropRatio: 0.875, interpolation: "bicubic", cropMode: "squash" },
};

suite("describe", () => {
  it("reads an export", () => {
    const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["cat", "dog"], 1);
    const { resolution, cropRatio, interpolation, cropMode } = { ...model.input, resolution: 48 };
    expect(describe(exportOnnx(model, { resolution: 48 }), "m")).toEqual({
      classes: ["cat", "dog"],
      preprocessing: { resolution, cropRatio, interpolation, cropMode },
    });
  });

  it("takes the centre where a file tells no crop mode, as Node does", () => {
    const { cropMode: _, ...input } = sound.input;
    expect(describe(withContent({ ...sound, input }), "m").preprocessing.cropMode).toBe("center");
    expect(describe(withContent(sound), "m").preprocessing).toEqual(sound.input);
  });

  it("takes what is not usual: the authors' transform, pictures turned, and the colour of a border", () => {
    const unusual = { transform: "fixres-official", exifOrientation: true };
    const { mean: _, ...plain } = { mean: [0.5, 0.5, 0.5], ...sound.input, ...unusual };
    const content = { ...sound, input: { ...plain, mean: [0.5, 0.5, 0.5] } };
    expect(describe(withContent(content), "m").preprocessing).toEqual(plain);
    const border = { ...sound.input, cropMode: "border", mean: [0.5, 0.5, 0.5] };
    expect(describe(withContent({ ...sound, input: border }), "m").preprocessing).toEqual(border);
  });

  it.each([
    ["other ONNX files", file({}), 'model "m" was not exported by fixres (its metadata lack "fixres-model")'],
    ["no JSON", file({ "fixres-model": "{" }), 'metadata of model "m": no JSON ('],
    ["nothing", withContent(null), 'metadata of model "m": the format is undefined, not "fixres-model-1"'],
    ["a later format", withContent({ ...sound, format: "fixres-model-2" }), 'the format is "fixres-model-2"'],
    ["no classes", withContent({ ...sound, classes: [] }), "the classes are no list of names"],
    ["classes that are no names", withContent({ ...sound, classes: [1] }), "the classes are no list of names"],
    ["no preprocessing", withContent({ ...sound, input: { resolution: 3 } }), "the preprocessing"],
  ])("refuses %s", (_what, bytes, message) => {
    expect(() => describe(bytes, "m")).toThrow(DataError);
    expect(() => describe(bytes, "m")).toThrow(message);
  });
});
