import { RequestError } from "../errors.js";
import type { OpenNode, Prelude } from "../onnx/index.js";
import type { TestPreprocessing } from "../pixels/index.js";

/** Pillow's filters as ONNX has them, with antialiasing as Pillow's resizing always has. */
const MODES: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  bilinear: { mode: "linear" },
  bicubic: { mode: "cubic", cubic_coeff_a: -0.5 },
};

const node = (
  op: OpenNode["op"],
  inputs: readonly string[],
  output: string,
  attributes: OpenNode["attributes"] = {},
): OpenNode => ({ op, inputs, output, attributes });

/**
 * The test's resize and centre crop as nodes, from uint8 `pixels` [batch, H, W, 3] of any size to [batch, R, R, 3]. The shorter
 * side becomes S = int(R / c), the longer one int(S longer / shorter); the crop begins at the half of what is left, halves to the
 * even number. ONNX Runtime's filters differ from Pillow's in about one byte of a thousand, by 1.
 * @throws {RequestError} for a filter or crop mode that ONNX does not have
 */
export function resizePrelude(
  { resolution, cropRatio, interpolation, cropMode, transform = "standard" }: TestPreprocessing,
  batch: string | number,
): Prelude {
  const mode = MODES[interpolation];
  const side = Math.trunc(resolution / cropRatio);
  if (mode === undefined)
    throw new RequestError(
      `the interpolation is ${interpolation}; inside a graph there are ${Object.keys(MODES).join(" and ")}.`,
    );
  if (transform !== "standard") {
    throw new RequestError(
      `the transform ${transform} surrounds portraits, which cannot be had inside a graph; export without --with-resize.`,
    );
  }
  if (cropMode === "border" || side < resolution) {
    throw new RequestError(
      `crop mode ${cropMode} with crop ratio ${cropRatio} surrounds pictures, which cannot be had inside a graph; export without --with-resize.`,
    );
  }
  return {
    dimensions: [batch, "height", "width", 3],
    constants: {
      ...(cropMode === "squash" ? { square: [side, side] } : { side: [side], hw: [1, 2], axis0: [0] }),
      resolution: [resolution],
      spatial: [2, 3],
      zero: [0],
      one: [1],
      two: [2],
      four: [4],
      three_of_four: [3],
    },
    nodes: [
      ...(cropMode === "squash"
        ? [node("Identity", ["square"], "resized_size")]
        : [
            node("Shape", ["pixels"], "shape"),
            node("Gather", ["shape", "hw"], "size"),
            node("ReduceMin", ["size", "axis0"], "shorter", { keepdims: 1 }),
            node("Mul", ["size", "side"], "product"),
            node("Div", ["product", "shorter"], "resized_size"),
          ]),
      node("Transpose", ["pixels"], "channels_first", { perm: [0, 3, 1, 2] }),
      node("Shape", ["channels_first"], "shape_first"),
      node("Slice", ["shape_first", "zero", "two"], "outer"),
      node("Concat", ["outer", "resized_size"], "sizes", { axis: 0 }),
      node("Resize", ["channels_first", "", "", "sizes"], "resized", {
        ...mode,
        antialias: 1,
        exclude_outside: 1,
        coordinate_transformation_mode: "half_pixel",
      }),
      // Of d = size - R, half to the even: of 4k the half, of 4k + 1 and 4k + 2 2k and 2k + 1, of 4k + 3 2k + 2.
      node("Sub", ["resized_size", "resolution"], "left_over"),
      node("Mod", ["left_over", "four"], "remainder"),
      node("Add", ["left_over", "one"], "above"),
      node("Equal", ["remainder", "three_of_four"], "rounds_up"),
      node("Where", ["rounds_up", "above", "left_over"], "doubled"),
      node("Div", ["doubled", "two"], "start"),
      node("Add", ["start", "resolution"], "end"),
      node("Slice", ["resized", "start", "end", "spatial"], "cropped"),
      node("Transpose", ["cropped"], "cropped_last", { perm: [0, 2, 3, 1] }),
    ],
  };
}
